"""Do 200 questions get 200 whole answers while their model servers fail, and does the bill agree with the servers?

Three servers of OpenAI's protocol (chat completions, API version v1) that count what they sent, as vendors do: a token
is four characters. One is killed in the middle of answers, one turns every third request away with 429, one falls
silent in the middle of every fourth. Questions go through the real graph, the router, real providers and HTTP.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from redis.asyncio import Redis
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from core.events import AnswerEvent, NoticeEvent, NoticeKind, ReplacedEvent, TokenEvent, UsageEvent
from core.identity import Principal, Role
from core.telemetry import METRICS
from core.types import Candidate, Chunk
from graph.build import build_graph, run
from graph.context import GraphContext, Retrieval
from plugins.embedding.onnx import OnnxEmbedding
from plugins.interfaces import PluginContext
from plugins.llm.openai import OpenAIProvider
from plugins.llm.routing.breaker import BreakerPolicy, Breakers, BreakerState
from plugins.llm.routing.prices import Price
from plugins.llm.routing.router import Route, Router, RoutingPolicy
from plugins.reranker.none import NoReranker
from tests.servers.model_server import event
from tests.servers.openai_server import MODEL, OpenAIServer
from tests.support.library import ChunkLibrary
from tests.support.waiting import until

QUESTIONS, AT_ONCE = 200, 10
HELD_BEFORE_DEATH = 3
SILENT_AT = 13
"""Word at which an answer stops: in the second sentence, when readers have seen the first."""
PRICES = {
    "killed": Price(input=1.0, output=5.0),
    "limited": Price(input=2.0, output=10.0),
    "stalling": Price(input=0.5, output=20.0),
}
PASSAGE = "Refunds of case {number} are paid within 14 days. The case is closed when the refund was paid."
GRAPH = build_graph()
PRINCIPAL = Principal(uuid4(), uuid4(), Role.VIEWER, "reader@alpha.example")


def question(number: int) -> str:
    return f"Within how many days are refunds of case {number} paid?"


def answer(number: int) -> str:
    return f"Refunds of case {number} are paid within 14 days [1]. The case is closed when the refund was paid [1]."


class CountingServer(OpenAIServer):
    """Answers with the number of the case, and counts the tokens of everything it sent."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.input_tokens = self.output_tokens = self.held = 0
        self.holds_all = False

    @property
    def billed_usd(self) -> float:
        price = PRICES[self.name]
        return (self.input_tokens * price.input + self.output_tokens * price.output) / 1_000_000

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        self.opened += 1
        if self.name == "limited" and self.opened % 3 == 0:
            return JSONResponse(self.error(429, "rate_limit_error"), 429, headers={"Retry-After-Ms": "5"})
        silent = self.holds_all or (self.name == "stalling" and self.opened % 4 == 0)
        return StreamingResponse(self._answer(body["messages"], silent), media_type="text/event-stream")

    async def _answer(self, messages: list[dict[str, str]], falls_silent: bool) -> AsyncIterator[str]:
        number = int(re.findall(r"case (\d+)", messages[-1]["content"])[-1])
        asked = sum(len(message["content"]) for message in messages) // 4
        said = 0
        for place, word in enumerate(re.findall(r"\S+\s*", answer(number))):
            if place == SILENT_AT and falls_silent:
                self.held += 1
                await asyncio.Event().wait()
            self.output_tokens += -(-(said + len(word)) // 4) - -(-said // 4)
            self.input_tokens += 0 if said else asked
            said += len(word)
            yield self._chunk([{"index": 0, "delta": {"content": word}, "finish_reason": None}])
        yield self._chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        usage = {"prompt_tokens": asked, "completion_tokens": -(-said // 4), "total_tokens": 0}
        yield self._chunk([], usage=usage)
        yield "data: [DONE]\n\n"

    def _chunk(self, choices: list[dict[str, object]], **more: object) -> str:
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": MODEL}
        return event({**head, "choices": choices, **more})


class Shelf:
    """One passage for every question, of the case it asks about."""

    async def retrieve(
        self,
        question: str,
        *,
        principal: Principal,
        limit: int,
        collection_ids: frozenset[UUID] | None = None,
        document_ids: frozenset[UUID] | None = None,
        as_of: datetime | None = None,
    ) -> Retrieval:
        text = PASSAGE.format(number=re.findall(r"case (\d+)", question)[-1])
        chunk = Chunk(uuid4(), uuid4(), uuid4(), 1, "refunds.md", "text/markdown", text, 1, 0, len(text))
        return Retrieval([Candidate(chunk, 0.9, dense_score=0.7)], searched_documents=1)


@dataclass(frozen=True, slots=True)
class Scene:
    """The servers, the router over them, and a Redis in which its breakers agree with those of other processes."""

    servers: dict[str, CountingServer]
    router: Router
    context: GraphContext

    async def ask(self, number: int, limit: asyncio.Semaphore) -> list[AnswerEvent]:
        events: list[AnswerEvent] = []

        async def emit(event: AnswerEvent) -> None:
            events.append(event)

        async with limit:
            await run(GRAPH, question(number), replace(self.context, emit=emit))
        return events


@pytest.fixture
async def scene(tmp_path: Path, redis_client: Redis) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient())
        plugins = PluginContext(http=http, data_dir=tmp_path)
        servers, routes = {}, []
        for name in PRICES:
            server = servers[name] = await stack.enter_async_context(CountingServer(name).running())
            options = OpenAIProvider.Options(
                base_url=server.base_url, default_model=MODEL, prices={MODEL: PRICES[name]}
            )
            provider = OpenAIProvider(options, plugins)
            await provider.start()
            stack.push_async_callback(provider.close)
            routes.append(Route(name, provider))
        policy = RoutingPolicy(idle_timeout_s=3.0, rounds=8, backoff_s=0.01, longest_backoff_s=0.1)
        router = Router(routes, Breakers(BreakerPolicy(failures=5, pause_s=0.2), redis_client), policy)
        context = GraphContext(
            principal=PRINCIPAL,
            retriever=Shelf(),
            library=ChunkLibrary(()),
            reranker=NoReranker(NoReranker.Options(), plugins),
            llm=router,
            embedding=OnnxEmbedding(OnnxEmbedding.Options(), plugins),  # never started: nothing here embeds
        )
        yield Scene(servers, router, context)


def shown(events: list[AnswerEvent]) -> str:
    """What a reader sees in the end."""
    text = ""
    for told in events:
        if isinstance(told, TokenEvent):
            text += told.text
        elif isinstance(told, ReplacedEvent):
            text = told.text
    return text


def value(name: str, **labels: str) -> float:
    """A metric of this process."""
    return METRICS.registry.get_sample_value(name, {"model": MODEL, **labels}) or 0.0


def counted(provider: str) -> tuple[float, float, float]:
    """Input tokens, output tokens and dollars so far."""
    return (
        value("llm_tokens_total", provider=provider, direction="input"),
        value("llm_tokens_total", provider=provider, direction="output"),
        value("llm_cost_usd_total", provider=provider),
    )


async def kill_amid_answers(server: CountingServer) -> None:
    """Let a few answers pass, hold some in their midst, and then end the server."""
    await until(lambda: server.opened >= 20)
    server.holds_all = True
    await until(lambda: server.held >= HELD_BEFORE_DEATH)
    server.kill()


async def test_every_question_is_answered_whole_and_the_bill_is_right(scene: Scene, redis_client: Redis) -> None:
    before = {name: counted(name) for name in PRICES}
    limit = asyncio.Semaphore(AT_ONCE)
    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        asked = [group.create_task(scene.ask(number, limit)) for number in range(QUESTIONS)]
        group.create_task(kill_amid_answers(scene.servers["killed"]))
    answers = [task.result() for task in asked]

    # 200 complete answers, each to its own question, and nothing of a broken one beside it.
    assert [shown(events) for events in answers] == [answer(number) for number in range(QUESTIONS)]

    # Readers were told where another model took over, and what it had said went away.
    told = [e for events in answers for e in events if isinstance(e, NoticeEvent) and e.kind is NoticeKind.FAILED_OVER]
    assert len(told) >= QUESTIONS // 20
    restarted = [events for events in answers if any(isinstance(e, ReplacedEvent) for e in events)]
    assert restarted

    # Breakers are visible: here, in the metrics, and to any other process.
    states = {state.provider: state.breaker for state in scene.router.states()}
    assert set(states) == set(PRICES)
    assert states["killed"] is not BreakerState.CLOSED
    assert value("llm_breaker_state", provider="killed") < 1
    assert await redis_client.hget(f"foundry:breaker:killed:{MODEL}", "open_until") is not None
    assert value("llm_requests_total", provider="limited", status="rate_limited") > 0

    # Tokens and dollars equal what the servers counted, broken answers included. Only calls that died before their
    # first word reached us are missing: the killed server may have counted some that were open when it died.
    total = 0.0
    for name, server in scene.servers.items():
        spent = [after - was for after, was in zip(counted(name), before[name], strict=True)]
        total += spent[2]
        if name == "killed":
            assert 0.75 * server.billed_usd <= spent[2] <= server.billed_usd * (1 + 1e-9)
            continue
        assert spent[:2] == [server.input_tokens, server.output_tokens], name
        assert spent[2] == pytest.approx(server.billed_usd), name
    usages = [e for events in answers for e in events if isinstance(e, UsageEvent)]
    assert len(usages) == QUESTIONS
    assert sum(usage.cost_usd for usage in usages) == pytest.approx(total)
