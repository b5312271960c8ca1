"""Are conversations kept, found, rated and forgotten, and answers followed, stopped and survived?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from config.loader import load_settings
from core.errors import NotFoundError, ValidationError
from core.events import AnswerEvent, DoneEvent, Outcome, TokenEvent
from core.identity import Principal, Role
from db.models import Chat
from db.repositories.chats import ChatRepository
from services.audit import ClientInfo
from services.bootstrap import Services, open_services
from services.views.chats import MessageView
from services.worker.container import Worker
from tests.fixtures.application import PASSWORD, Department, make_department
from tests.servers.model_server import Fault
from tests.servers.openai_server import MODEL, OpenAIServer

REFUNDS = b"# Refunds\n\nRefunds take 14 days. They are paid by bank transfer.\n"
QUESTION = "How many days do refunds take?"

Opened = Callable[[], AbstractAsyncContextManager[Department]]


def colleague(department: Department) -> Principal:
    """Somebody else in the organisation."""
    return Principal(uuid4(), department.principal.organization_id, Role.VIEWER, "c@alpha.example")


# -- conversations


async def test_conversations_are_listed_latest_first_page_by_page_and_found_by_their_words(
    department: Department,
) -> None:
    chats, me = department.services.chats, department.principal
    made = [await chats.create(me, title=f"About {name}") for name in ("pumps", "valves", "leave")]
    first = await chats.list_page(me, limit=2)
    assert [view.title for view in first.items] == ["About leave", "About valves"]
    second = await chats.list_page(me, limit=2, cursor=first.next_cursor)
    assert [view.title for view in second.items] == ["About pumps"]
    assert second.next_cursor is None
    assert [view.id for view in (await chats.list_page(me, query="valv\x00")).items] == [made[1].id]
    assert (await chats.list_page(colleague(department))).items == ()


async def test_a_conversation_is_found_by_what_was_said_in_it_and_by_its_owner_alone(department: Department) -> None:
    chats, me = department.services.chats, department.principal
    _, answer = await asked(department)
    await chats.create(me, title="About pumps")

    async def found(query: str, by: Principal = me) -> list[UUID]:
        return [view.id for view in (await chats.list_page(by, query=query)).items]

    assert answer.content.startswith("There are no documents to answer from yet.")
    for query in ("documents to answer", "YET  documents", "no docu", "refunds how"):
        assert await found(query) == [answer.chat_id], query
    for query in ("documents pumps", "documents how", "docu%yet", "ye_"):
        assert await found(query) == [], query
    assert await found("documents", colleague(department)) == []
    await chats.delete(me, answer.chat_id)
    assert await found("documents") == []


async def test_a_search_reads_ones_own_messages_and_scans_nobody_elses(department: Department) -> None:
    me = department.principal
    other = await department.services.accounts.create_user(
        me, email="other@alpha.example", password=PASSWORD, role=Role.VIEWER, client=ClientInfo()
    )
    async with department.services.database.transaction(me.organization_id) as session:
        for user, count in ((me.user_id, 300), (other.id, 10_000)):
            chat = Chat(organization_id=me.organization_id, user_id=user)
            session.add(chat)
            await session.flush()
            await session.execute(
                text(
                    "INSERT INTO messages (organization_id, chat_id, role, content)"
                    " SELECT :organization, :chat, 'user', repeat('Nothing. ', 40) FROM generate_series(1, :count)"
                ),
                {"organization": me.organization_id, "chat": chat.id, "count": count},
            )
        statement = ChatRepository(session).page(me, after=None, limit=20, words=("transfer",))
        dialect = (await session.connection()).dialect
        literal = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        plan = "\n".join((await session.scalars(text(f"EXPLAIN {literal}".replace(":", "\\:")))).all())
    assert "Seq Scan on messages" not in plan
    assert "ix_messages_chat_id_created_at" in plan


async def test_a_conversation_is_named_after_its_first_question_not_after_files(department: Department) -> None:
    chats, me = department.services.chats, department.principal
    chat, renamed = await chats.create(me), await chats.create(me)
    for one in (chat, renamed):
        await chats.add_upload(me, one.id, "pay.txt, old.txt", (uuid4(),))
    await chats.rename(me, renamed.id, "Pay")
    for one, title in ((chat, QUESTION), (renamed, "Pay")):
        await chats.add_question(me, one.id, QUESTION)
        await chats.add_question(me, one.id, "And then?")
        assert (await chats.get(me, one.id)).title == title


async def test_a_conversation_is_renamed_and_deleted_by_its_owner_alone(department: Department) -> None:
    chats, me = department.services.chats, department.principal
    chat = await chats.create(me)
    assert (await chats.rename(me, chat.id, "  Two\n words ")).title == "Two words"
    for title in ("", " \x00", "x" * 1000):
        with pytest.raises(ValidationError, match="title is"):
            await chats.rename(me, chat.id, title)
    for attempt in (
        chats.get(colleague(department), chat.id),
        chats.rename(colleague(department), chat.id, "Mine"),
        chats.delete(colleague(department), chat.id),
        chats.messages(colleague(department), chat.id),
        chats.ensure(colleague(department), chat.id),
    ):
        with pytest.raises(NotFoundError):
            await attempt
    assert (await chats.get(me, chat.id)).title == "Two words"
    await chats.delete(me, chat.id)
    with pytest.raises(NotFoundError):
        await chats.get(me, chat.id)


async def test_a_conversation_under_a_chosen_id_is_begun_once(department: Department) -> None:
    chats, me, chosen = department.services.chats, department.principal, uuid4()
    await chats.ensure(me, chosen)
    await chats.rename(me, chosen, "Kept")
    await chats.ensure(me, chosen)
    assert (await chats.get(me, chosen)).title == "Kept"


async def test_files_handed_in_stand_in_the_conversation_with_their_receipts(department: Department) -> None:
    chats, me = department.services.chats, department.principal
    chat, tasks = await chats.create(me), (uuid4(), uuid4())
    await chats.add_upload(me, chat.id, "two files", tasks)
    (message,) = await chats.messages(me, chat.id)
    assert (message.role, message.content, message.task_ids) == ("user", "", tasks)
    assert (await chats.get(me, chat.id)).title == "two files"


async def asked(department: Department) -> tuple[MessageView, MessageView]:
    """A question and its answer as they are stored."""
    run = await department.services.answering.ask(department.principal, QUESTION)
    await run.wait()
    question, answer = await department.services.chats.messages(department.principal, run.chat_id)
    return question, answer


async def test_an_answer_is_rated_again_and_the_thumb_taken_back(department: Department) -> None:
    chats, me = department.services.chats, department.principal
    _, answer = await asked(department)

    async def thumb() -> int | None:
        return (await chats.messages(me, answer.chat_id))[1].feedback

    assert await thumb() is None
    await chats.feedback(me, answer.id, 1)
    assert await thumb() == 1
    await chats.feedback(me, answer.id, -1, "Wrong page\x00.")
    assert await thumb() == -1
    await chats.feedback(me, answer.id, 0)
    assert await thumb() is None


async def test_what_cannot_be_rated_is_refused(department: Department) -> None:
    chats, me = department.services.chats, department.principal
    question, answer = await asked(department)
    with pytest.raises(ValidationError, match="Only answers"):
        await chats.feedback(me, question.id, 1)
    with pytest.raises(ValidationError, match="must be -1, 0 or 1, not 2"):
        await chats.feedback(me, answer.id, 2)
    with pytest.raises(ValidationError, match="longer than"):
        await chats.feedback(me, answer.id, 1, "x" * 2001)
    with pytest.raises(NotFoundError):
        await chats.feedback(colleague(department), answer.id, 1)


async def test_an_answer_is_stored_once(department: Department) -> None:
    chats, me = department.services.chats, department.principal
    run = await department.services.answering.ask(me, QUESTION)
    await run.wait()
    before = await chats.get(me, run.chat_id)
    await department.services.answering._finish(run, Outcome.ANSWERED, "", "", 1.0)
    assert (await chats.get(me, run.chat_id)).total_messages == before.total_messages == 2


# -- answers under way


@pytest.fixture
async def model() -> AsyncIterator[OpenAIServer]:
    """A model server that says two words and waits."""
    async with OpenAIServer().running() as server:
        server.fault = Fault.HELD
        yield server


@pytest.fixture
def opened(environment: dict[str, str], tmp_path: Path, model: OpenAIServer, worker: Worker) -> Opened:
    """The application with that model and one document."""

    @asynccontextmanager
    async def run() -> AsyncIterator[Department]:
        overlay = tmp_path / "overlay.yaml"
        overlay.write_text(
            f"""
generation: {{routing: {{rounds: 1}}}}
plugins:
  llm_providers:
    - name: held
      plugin: plugins.llm.openai:OpenAIProvider
      config: {{base_url: "{model.base_url}", default_model: {MODEL}}}
      routing: {{priority: 1}}
    - {{name: extractive, enabled: false}}
""",
            encoding="utf-8",
        )
        async with open_services(load_settings(overlay=overlay, environ=environment)) as services:
            department = await make_department(services, "alpha")
            await department.read(worker, "refunds.md", REFUNDS)
            yield department

    return run


async def test_an_answer_under_way_is_found_by_its_owner_and_stopped_by_nobody_else(
    opened: Opened, model: OpenAIServer
) -> None:
    async with opened() as department:
        answering, me = department.services.answering, department.principal
        run = await answering.ask(me, QUESTION)
        await model.until_opened(1)
        assert answering.find_run(me, run.chat_id) is run
        assert answering.find_run(me, uuid4()) is None
        assert answering.find_run(colleague(department), run.chat_id) is None
        for caller, run_id in ((colleague(department), run.id), (me, uuid4())):
            with pytest.raises(NotFoundError, match="no such answer of yours"):
                await answering.stop(caller, run_id)
        assert not run.finished
        await answering.stop(me, run.id)
        last = run.recorded[-1]
        assert isinstance(last, DoneEvent)
        assert last.outcome is Outcome.STOPPED
        assert answering.find_run(me, run.chat_id) is None
        _, answer = await department.services.chats.messages(me, run.chat_id)
        assert answer.outcome == "stopped"
        await model.until_cancelled(1)


async def test_closing_the_application_stops_and_stores_what_is_under_way(
    opened: Opened, model: OpenAIServer, services: Services
) -> None:
    async with opened() as department:
        run = await department.services.answering.ask(department.principal, QUESTION)
        await model.until_opened(1)
    assert run.finished
    _, answer = await services.chats.messages(department.principal, run.chat_id)
    assert answer.outcome == "stopped"


async def test_a_conversation_deleted_meanwhile_still_gives_its_reader_the_answer(
    opened: Opened, model: OpenAIServer
) -> None:
    async with opened() as department:
        run = await department.services.answering.ask(department.principal, QUESTION)
        await model.until_opened(1)
        await department.services.chats.delete(department.principal, run.chat_id)
        model.release.set()
        await asyncio.wait_for(run.wait(), 20)
    last = run.recorded[-1]
    assert isinstance(last, DoneEvent)
    assert last.message_id is None


async def test_an_answer_no_model_gives_fails_in_words(opened: Opened, model: OpenAIServer) -> None:
    model.fault = Fault.BAD_KEY
    async with opened() as department:
        run = await department.services.answering.ask(department.principal, QUESTION)
        await run.wait()
        _, answer = await department.services.chats.messages(department.principal, run.chat_id)
    last = run.recorded[-1]
    assert isinstance(last, DoneEvent)
    assert (last.outcome, last.incident_id, answer.outcome) == (Outcome.FAILED, "", "failed")
    assert last.error


async def test_a_mistake_of_ours_ends_the_answer_with_an_incident(department: Department) -> None:
    answering = department.services.answering
    answering._graph = None  # type: ignore[assignment]  # on purpose: nothing can be run
    with capture_logs() as logs:
        run = await answering.ask(department.principal, QUESTION)
        await run.wait()
    last = run.recorded[-1]
    assert isinstance(last, DoneEvent)
    assert last.outcome is Outcome.FAILED
    assert last.incident_id in last.error
    assert [entry["incident"] for entry in logs if entry["event"] == "answer_broken"] == [last.incident_id]


async def test_bundles_hold_every_event_once_and_in_order_for_early_and_late_readers(
    department: Department, worker: Worker
) -> None:
    await department.read(worker, "refunds.md", REFUNDS)
    run = await department.services.answering.ask(department.principal, QUESTION)
    early = [frame async for frame in run.frames(0.01)]
    late = [frame async for frame in run.frames(0.01)]
    events: list[AnswerEvent] = [event for frame in early for event in frame]
    assert events == list(run.recorded)
    assert late == [events]
    assert isinstance(events[-1], DoneEvent)
    assert any(isinstance(event, TokenEvent) for event in events)
