"""Do settings, data classes and allow-lists decide which model server hears of a question, in the whole application?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from config.loader import load_settings
from core.errors import AuthorizationError, ValidationError
from core.events import AnswerEvent, NoticeEvent, NoticeKind
from core.identity import Role
from core.types import DataClass
from db.models import AuditLog, Message
from services.bootstrap import open_services
from services.worker.container import Worker
from tests.fixtures.application import CLIENT, Department, make_department
from tests.servers.model_server import Fault
from tests.servers.openai_server import MODEL, OpenAIServer

HANDBOOK = b"# Refunds\n\nRefunds take 14 days. They are paid by bank transfer.\n"
QUESTION = "How many days do refunds take?"

Open = Callable[..., AbstractAsyncContextManager[Department]]


@pytest.fixture
async def far() -> AsyncIterator[OpenAIServer]:
    """The preferred server; nobody said that it is local."""
    async with OpenAIServer().running() as server:
        yield server


@pytest.fixture
async def near() -> AsyncIterator[OpenAIServer]:
    """The second server, marked local."""
    async with OpenAIServer().running() as server:
        yield server


@pytest.fixture
def opened(environment: dict[str, str], tmp_path: Path, far: OpenAIServer, near: OpenAIServer, worker: Worker) -> Open:
    """The application with both servers in its settings, and a department with one document."""

    @asynccontextmanager
    async def run(*, routing: bool, extractive: bool = True) -> AsyncIterator[Department]:
        overlay = tmp_path / "department.yaml"
        overlay.write_text(
            f"""
feature_flags: {{multi_model_routing: {str(routing).lower()}}}
generation: {{routing: {{rounds: 1}}}}
plugins:
  llm_providers:
    - name: far
      plugin: plugins.llm.openai:OpenAIProvider
      config: {{base_url: "{far.base_url}", default_model: {MODEL}, prices: {{{MODEL}: {{input: 2, output: 10}}}}}}
      routing: {{priority: 1}}
    - name: near
      plugin: plugins.llm.openai:OpenAIProvider
      config: {{base_url: "{near.base_url}", default_model: house-model}}
      routing: {{priority: 2, local: true}}
    - name: extractive
      enabled: {str(extractive).lower()}
""",
            encoding="utf-8",
        )
        async with open_services(load_settings(overlay=overlay, environ=environment)) as services:
            department = await make_department(services, "alpha")
            await department.read(worker, "refunds.md", HANDBOOK)
            yield department

    return run


async def ask(department: Department) -> list[AnswerEvent]:
    run = await department.services.answering.ask(department.principal, QUESTION)
    return [event async for event in run.events()]


def kinds(events: list[AnswerEvent]) -> set[NoticeKind]:
    return {event.kind for event in events if isinstance(event, NoticeEvent)}


async def classify(department: Department, data_class: DataClass) -> None:
    (collection,) = await department.services.documents.list_collections(department.principal)
    await department.services.data_policy.classify(department.principal, collection.id, data_class, client=CLIENT)


async def test_with_the_flag_on_the_next_model_takes_over_and_breakers_are_in_the_health_report(
    opened: Open, far: OpenAIServer, near: OpenAIServer
) -> None:
    far.fault = Fault.BROKEN
    async with opened(routing=True) as department:
        assert NoticeKind.FAILED_OVER in kinds(await ask(department))
        assert (far.opened, near.opened) == (1, 1)
        report = await department.services.health.ready()
        assert {item.name for item in report.items if item.kind == "breaker"} == {f"far/{MODEL}", "near/house-model"}


@pytest.mark.sees("feature_flags.multi_model_routing")
async def test_with_the_flag_off_only_the_best_model_is_used(
    opened: Open, far: OpenAIServer, near: OpenAIServer
) -> None:
    async with opened(routing=False) as department:
        await ask(department)
        far.fault = Fault.BROKEN
        assert NoticeKind.DEGRADED in kinds(await ask(department))
    assert (far.opened, near.opened) == (2, 0)


async def test_a_confidential_collection_reaches_local_models_only_and_so_does_what_follows(
    opened: Open, far: OpenAIServer, near: OpenAIServer
) -> None:
    async with opened(routing=True) as department:
        await classify(department, DataClass.CONFIDENTIAL)
        run = await department.services.answering.ask(department.principal, QUESTION)
        assert NoticeKind.CONFIDENTIAL in kinds([event async for event in run.events()])
        await classify(department, DataClass.INTERNAL)
        again = await department.services.answering.ask(department.principal, QUESTION, chat_id=run.chat_id)
        _ = [event async for event in again.events()]
        assert (far.opened, near.opened) == (0, 2)
        await ask(department)  # another conversation, after the mark was taken away
        assert (far.opened, near.opened) == (1, 2)


async def test_without_a_local_model_confidential_passages_are_refused_and_nothing_is_sent(
    opened: Open, far: OpenAIServer
) -> None:
    async with opened(routing=False, extractive=False) as department:
        await classify(department, DataClass.CONFIDENTIAL)
        events = await ask(department)
    assert far.opened == 0
    (refusal,) = [event for event in events if event.type == "refusal"]
    assert refusal.reason == "confidential"


async def test_a_confidential_question_that_was_refused_keeps_its_conversation_confidential(opened: Open) -> None:
    async with opened(routing=False, extractive=False) as department:
        await classify(department, DataClass.CONFIDENTIAL)
        await ask(department)
        async with department.services.database.transaction(department.principal.organization_id) as session:
            metas = (await session.scalars(select(Message.meta).where(Message.role == "assistant"))).all()
    assert [meta["confidential"] for meta in metas] == [True]


async def test_an_organisation_s_list_of_models_is_obeyed_and_leaves_a_trace(
    opened: Open, far: OpenAIServer, near: OpenAIServer
) -> None:
    async with opened(routing=True) as department:
        policy, principal = department.services.data_policy, department.principal
        assert await policy.allowed_models(principal) == ()
        assert await policy.allow_models(principal, ("house-*", "house-*"), client=CLIENT) == ("house-*",)
        await ask(department)
        assert (far.opened, near.opened) == (0, 1)
        assert near.bodies[0]["model"] == "house-model"
        other = await make_department(department.services, "beta")
        assert await policy.allowed_models(other.principal) == ()
        async with department.services.database.transaction(principal.organization_id) as session:
            changes = await session.scalar(select(AuditLog.changes).where(AuditLog.action == "updated"))
    assert changes == {"before": {"allowed_models": []}, "after": {"allowed_models": ["house-*"]}}


async def test_only_administrators_decide_and_only_sensible_lists_are_kept(department: Department) -> None:
    policy = department.services.data_policy
    (collection,) = await department.services.documents.list_collections(department.principal)
    assert collection.data_class is DataClass.INTERNAL
    editor = replace(department.principal, role=Role.EDITOR)
    with pytest.raises(AuthorizationError):
        await policy.allow_models(editor, ("gpt-*",), client=CLIENT)
    with pytest.raises(AuthorizationError):
        await policy.classify(editor, collection.id, DataClass.CONFIDENTIAL, client=CLIENT)
    for models in (("",), ("x" * 201,), tuple(map(str, range(101)))):
        with pytest.raises(ValidationError):
            await policy.allow_models(department.principal, models, client=CLIENT)


async def test_what_a_question_cost_stands_on_its_message(opened: Open) -> None:
    async with opened(routing=True) as department:
        run = await department.services.answering.ask(department.principal, QUESTION)
        _ = [event async for event in run.events()]
        _, message = await department.services.chats.messages(department.principal, run.chat_id)
    assert (message.token_count, message.model) == (120, MODEL)
    assert message.cost_usd == pytest.approx(100 * 2e-6 + 20 * 10e-6)
