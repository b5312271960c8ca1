"""Do search and answers follow the settings?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import jwt
import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from core.errors import ProviderError, ValidationError
from core.events import DoneEvent, Outcome
from core.types import CompletionRequest, CompletionResponse, Message
from db.models import Session
from services.bootstrap import Services
from services.worker.container import Worker
from tests.fixtures.application import CLIENT, PASSWORD, Department, make_department
from tests.integration.settings.conftest import Opened
from tests.servers.model_server import Fault
from tests.servers.openai_server import MODEL, OpenAIServer

PUMPS = [f"# Pump P-{n}\n\nThe pump P-{n} stands in hall {n % 7} and moves water.\n" for n in range(400, 408)]
QUESTION = "In which hall stands the pump P-407?"


@pytest.fixture
async def pumps(department: Department, worker: Worker) -> Department:
    """A department with documents that are much alike."""
    for number, content in enumerate(PUMPS):
        receipt = await department.upload(f"pump-{number}.md", content.encode())
        await worker.dispatcher.begin(department.principal.organization_id, receipt.task_id)
    await worker.dispatcher.drain()
    return department


# -- search


@pytest.mark.sees("retrieval.default_k", "retrieval.max_k")
async def test_a_search_gives_so_many_passages_and_no_more(pumps: Department, opened: Opened) -> None:
    async with opened(retrieval__default_k="3", retrieval__max_k="6") as services:
        assert len(await services.search.search(pumps.principal, QUESTION)) == 3
        assert len(await services.search.search(pumps.principal, QUESTION, limit=6)) == 6
        with pytest.raises(ValidationError, match="between 1 and 6"):
            await services.search.search(pumps.principal, QUESTION, limit=7)


@pytest.mark.sees("retrieval.candidate_k")
@pytest.mark.parametrize("candidate_k", [7, 60])
async def test_so_many_hits_are_taken_from_the_store(
    pumps: Department, opened: Opened, monkeypatch: pytest.MonkeyPatch, candidate_k: int
) -> None:
    async with opened(retrieval__candidate_k=str(candidate_k)) as services:
        asked: list[int] = []
        store = type(services.vectors)
        searched = store.search_hybrid

        async def listening(self: Any, name: str, dense: Any, sparse: Any, limit: int, filters: Any) -> Any:
            asked.append(limit)
            return await searched(self, name, dense, sparse, limit, filters)

        monkeypatch.setattr(store, "search_hybrid", listening)
        await services.search.search(pumps.principal, QUESTION, limit=2)
    assert asked[0] == candidate_k


@pytest.mark.sees("retrieval.fusion", "retrieval.rrf_k", "retrieval.hybrid_search_weight")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"fusion": "rrf"}),
        ({"fusion": "rrf"}, {"fusion": "rrf", "rrf_k": "1"}),
        ({}, {"hybrid_search_weight": "0.1"}),
    ],
)
async def test_meaning_and_words_are_weighed_as_told(
    pumps: Department, opened: Opened, one: dict[str, str], other: dict[str, str]
) -> None:
    async def scores(changed: dict[str, str]) -> dict[str, float]:
        async with opened(**{f"retrieval__{key}": value for key, value in changed.items()}) as services:
            found = await services.search.search(pumps.principal, QUESTION, limit=12)
        return {hit.filename: round(hit.score, 4) for hit in found}

    assert await scores(one) == await scores(one)
    assert await scores(one) != await scores(other)


@pytest.mark.sees("retrieval.min_evidence_score")
@pytest.mark.parametrize(("min_evidence_score", "outcome"), [("0.2", Outcome.CLOSEST), ("1.0", Outcome.REFUSED)])
async def test_what_is_not_near_enough_is_not_shown(
    pumps: Department, opened: Opened, min_evidence_score: str, outcome: Outcome
) -> None:
    async with opened(retrieval__min_evidence_score=min_evidence_score) as services:
        assert (await ask(services, pumps, "Who painted the pump P-407?")).outcome is outcome


UNSURE = (
    QUESTION,
    "Where is the P-403?",
    "Who moves the P-401?",
    "What does the P-405 pump?",
    "Is water moved in hall 3?",
)


@pytest.mark.sees("answers.caution")
async def test_the_more_cautious_the_less_is_stated_and_the_more_only_shown(pumps: Department, opened: Opened) -> None:
    stated = {}
    for caution in ("careful", "balanced", "generous"):
        async with opened(answers__caution=caution) as services:
            outcomes = [(await ask(services, pumps, question)).outcome for question in UNSURE]
        stated[caution] = outcomes.count(Outcome.ANSWERED)
        assert stated[caution] + outcomes.count(Outcome.CLOSEST) == len(UNSURE)
    assert stated["careful"] <= stated["balanced"] <= stated["generous"]
    assert stated["careful"] < stated["generous"]


async def ask(services: Services, department: Department, question: str = QUESTION) -> DoneEvent:
    run = await services.answering.ask(department.principal, question)
    events = [event async for event in run.events()]
    done = events[-1]
    assert isinstance(done, DoneEvent)
    return done


# -- what is logged


@pytest.mark.sees("observability.logging.include_content")
@pytest.mark.parametrize("include_content", ["true", "false"])
async def test_questions_and_answers_are_in_the_log_only_where_that_was_asked_for(
    pumps: Department, opened: Opened, include_content: str
) -> None:
    async with opened(observability__logging__include_content=include_content) as services:
        with capture_logs() as logs:
            await ask(services, pumps)
    told = str(logs)
    assert ("In which hall" in told) is (include_content == "true")
    assert ("moves water" in told or "stands in hall" in told) is (include_content == "true")


# -- models


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer().running() as running:
        yield running


WithModel = Callable[..., AbstractAsyncContextManager[Services]]


@pytest.fixture
def with_model(opened: Opened, server: OpenAIServer) -> WithModel:
    """The application with a model of the local server, some of ``generation`` changed, and perhaps more."""

    @asynccontextmanager
    async def run(more: Mapping[str, str] | None = None, /, **changed: str) -> AsyncIterator[Services]:
        model = {
            "enabled": "true",
            "config__api_key": "sk-test",
            "config__base_url": server.base_url,
            "config__default_model": MODEL,
        }
        given = {f"plugins__llm__openai__{key}": value for key, value in model.items()}
        given |= {f"generation__{key}": value for key, value in changed.items()}
        async with opened(**given, **(more or {})) as services:
            yield services

    return run


async def complete(services: Services, *, stream: bool = True) -> str:
    """What the router of the application says when it is asked directly."""
    router = services.health._router
    request = CompletionRequest(messages=(Message(role="user", content="Refunds?"),), model=MODEL, stream=stream)
    answer = await router.complete(request)
    if isinstance(answer, CompletionResponse):
        return answer.text
    return "".join([piece async for piece in answer])


@pytest.mark.sees("generation.model", "generation.temperature", "generation.max_tokens")
async def test_a_model_is_asked_as_told(pumps: Department, with_model: WithModel, server: OpenAIServer) -> None:
    async with with_model(model="other-model", temperature="0.7", max_tokens="123") as services:
        await ask(services, pumps)
    assert server.asked(0) == {"model": "other-model", "max_tokens": 123, "temperature": 0.7}


@pytest.mark.sees("retrieval.rerank_top_k")
@pytest.mark.parametrize("rerank_top_k", [1, 3])
async def test_a_model_is_shown_so_many_passages(
    pumps: Department, with_model: WithModel, server: OpenAIServer, rerank_top_k: int
) -> None:
    async with with_model({"retrieval__rerank_top_k": str(rerank_top_k)}) as services:
        await ask(services, pumps)
    shown = server.bodies[0]["messages"][-1]["content"]
    assert f"\n[{rerank_top_k}] (" in shown
    assert f"\n[{rerank_top_k + 1}] (" not in shown


@pytest.mark.sees("retrieval.max_rewrites")
@pytest.mark.parametrize("max_rewrites", [0, 1])
async def test_a_question_that_found_nothing_near_is_put_differently_so_many_times(
    pumps: Department, with_model: WithModel, server: OpenAIServer, max_rewrites: int
) -> None:
    far = "Who won the football world cup in 1974?"
    async with with_model({"retrieval__max_rewrites": str(max_rewrites)}) as services:
        await ask(services, pumps, far)
    assert len(server.bodies) == 1 + max_rewrites
    assert (server.bodies[0]["messages"][-1]["content"] == far) is (max_rewrites == 1)


@pytest.mark.sees(
    "generation.routing.first_token_timeout_s", "generation.routing.idle_timeout_s", "generation.timeout_s"
)
@pytest.mark.parametrize(
    ("fault", "changed"),
    [
        (Fault.SILENT, {"routing__first_token_timeout_s": "0.2"}),
        (Fault.STALLED, {"routing__idle_timeout_s": "0.2"}),
        (Fault.SILENT, {"timeout_s": "0.5"}),
    ],
)
async def test_a_model_that_is_silent_for_too_long_failed(
    with_model: WithModel, server: OpenAIServer, fault: Fault, changed: dict[str, str]
) -> None:
    server.fault = fault
    async with with_model(**{"routing__rounds": "1", **changed}) as services:
        with pytest.raises(ProviderError):
            await complete(services)
        await server.until_cancelled(1)


@pytest.mark.sees("generation.routing.rounds", "generation.routing.retry_budget_s")
@pytest.mark.parametrize(
    ("changed", "calls"),
    [
        ({"rounds": "1", "retry_budget_s": "60"}, 1),
        ({"rounds": "2", "retry_budget_s": "60"}, 2),
        ({"rounds": "2", "retry_budget_s": "0"}, 1),
    ],
)
async def test_a_model_that_fails_is_tried_so_often(
    with_model: WithModel, server: OpenAIServer, changed: dict[str, str], calls: int
) -> None:
    server.fault = Fault.BROKEN
    async with with_model(**{f"routing__{key}": value for key, value in changed.items()}) as services:
        with pytest.raises(ProviderError):
            await complete(services)
    assert server.opened == calls


@pytest.mark.sees("generation.routing.breaker_failures", "generation.routing.breaker_pause_s")
@pytest.mark.parametrize(
    ("changed", "calls"),
    [
        ({"breaker_failures": "5", "breaker_pause_s": "3600"}, 2),
        ({"breaker_failures": "1", "breaker_pause_s": "3600"}, 1),
        ({"breaker_failures": "1", "breaker_pause_s": "0.001"}, 2),
    ],
)
async def test_a_model_that_failed_is_left_alone_for_a_while(
    with_model: WithModel, server: OpenAIServer, changed: dict[str, str], calls: int
) -> None:
    server.fault = Fault.BROKEN
    given = {f"routing__{key}": value for key, value in changed.items()}
    async with with_model(routing__rounds="1", **given) as services:
        for _ in range(2):
            with pytest.raises(ProviderError):
                await complete(services)
        async with asyncio.timeout(30):
            # What the process knows of a breaker may be half a second old.
            while server.opened < calls:
                with pytest.raises(ProviderError):
                    await complete(services)
    assert server.opened == calls


# -- sessions


@pytest.mark.sees(
    "auth.jwt_secret_key", "auth.jwt_algorithm", "auth.access_token_expire_minutes", "auth.refresh_token_expire_days"
)
async def test_sessions_are_signed_and_end_as_told(opened: Opened) -> None:
    secret = "another-secret-that-is-long-enough-for-anybody-who-signs-with-it"
    changed = {
        "jwt_secret_key": secret,
        "jwt_algorithm": "HS512",
        "access_token_expire_minutes": "7",
        "refresh_token_expire_days": "2",
    }
    async with opened(**{f"auth__{key}": value for key, value in changed.items()}) as services:
        department = await make_department(services, "alpha")
        tokens = await services.accounts.sign_in(department.user.email, PASSWORD, client=CLIENT)
        async with services.database.transaction(department.principal.organization_id) as session:
            row = await session.scalar(select(Session))
    claims = jwt.decode(tokens.access_token, secret, algorithms=["HS512"], options={"verify_aud": False})
    assert claims["exp"] - claims["iat"] == 7 * 60
    assert row is not None
    assert (row.expires_at - row.created_at).days in (1, 2)
