"""Does a task's row say the truth, whatever happens while its file is read?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select, text, update
from structlog.testing import capture_logs

from config.loader import LoadedSettings, load_settings
from core.errors import ConflictError, DocumentError, NotFoundError
from core.states import DocumentStatus, IngestionStage, TaskStatus
from core.types import ParsedDocument, ParsedPage
from db.engine import create_engine
from db.models import DocumentChunk, Task
from db.unit_of_work import Database
from services.bootstrap import Services
from services.connections import application_address
from services.indexing.embedding import BATCH
from services.indexing.pipeline import ChunkingRules, IngestionPipeline, Parse, Take
from services.tasks.leases import Lease, LeaseKeeper, LeaseLostError
from services.views.uploads import Receipt
from services.worker.container import Worker, every, open_worker
from tests.fixtures.application import CLIENT, Department, read_task
from tests.support.waiting import until

MANUAL = b"# Valves\n\nThe relief valve opens at 6 bar.\n"
QUESTION = "At how many bar does the relief valve open?"


def pipeline(services: Services, parse: Parse, *, heartbeat_s: float = 5.0) -> IngestionPipeline:
    """The real one, with a reader of the test's own."""
    return IngestionPipeline(
        database=services.database,
        blobs=services.blobs,
        leases=LeaseKeeper(services.database, owner="test", heartbeat_s=heartbeat_s),
        parse=parse,
        embedding=services.embedding,
        indexes=services.indexes,
        lexical=services.lexical,
        rules=ChunkingRules(200, 20, 10),
    )


async def as_it_stands(path: Path, mime_type: str, take: Take) -> ParsedDocument:
    return ParsedDocument((ParsedPage(1, await asyncio.to_thread(path.read_text)),), paged=False)


async def run(department: Department, receipt: Receipt, parse: Parse = as_it_stands) -> Receipt:
    """One attempt at the task, and its receipt afterwards."""
    await read_task(pipeline(department.services, parse), department.principal.organization_id, receipt.task_id)
    return await department.services.tasks.receipt(department.principal, receipt.task_id)


async def change(department: Department, task_id: UUID, **values: object) -> None:
    async with department.services.database.transaction(department.principal.organization_id) as session:
        await session.execute(update(Task).where(Task.id == task_id).values(**values))


# -- reading that does not work


async def test_a_mistake_of_ours_fails_the_task_with_an_incident_and_tells_nothing_else(department: Department) -> None:
    async def broken(path: Path, mime_type: str, take: Take) -> ParsedDocument:
        raise ZeroDivisionError("the text of the file")

    done = await run(department, await department.upload("manual.md", MANUAL), broken)
    assert (done.status, done.failure_code) == (TaskStatus.FAILED, "internal")
    assert done.error_message is not None
    assert "incident" in done.error_message
    assert "text of the file" not in done.error_message
    view = await department.services.documents.get(department.principal, done.document_id)
    assert (view.status, view.error_message) == (DocumentStatus.FAILED, done.error_message)


async def test_text_that_holds_nothing_to_index_is_said_to_be_none(department: Department) -> None:
    async def blank(path: Path, mime_type: str, take: Take) -> ParsedDocument:
        return ParsedDocument((ParsedPage(1, " \n "), ParsedPage(2, "")))

    done = await run(department, await department.upload("manual.md", MANUAL), blank)
    assert (done.status, done.failure_code) == (TaskStatus.FAILED, "no_text")


async def test_a_file_that_ended_its_worker_three_times_is_set_aside_unread(department: Department) -> None:
    async def never(path: Path, mime_type: str, take: Take) -> ParsedDocument:
        pytest.fail("it was read once more")

    receipt = await department.upload("manual.md", MANUAL)
    await change(
        department, receipt.task_id, status="running", attempts=3, lease_until=func.now() - text("interval '1 s'")
    )
    done = await run(department, receipt, never)
    assert (done.status, done.failure_code, done.attempts) == (TaskStatus.FAILED, "poison", 4)


async def test_a_deleted_document_is_not_read(department: Department) -> None:
    receipt = await department.upload("manual.md", MANUAL)
    async with department.services.database.transaction(department.principal.organization_id) as session:
        await session.execute(text("UPDATE documents SET is_deleted = true"))
    await read_task(pipeline(department.services, as_it_stands), department.principal.organization_id, receipt.task_id)
    async with department.services.database.transaction(department.principal.organization_id) as session:
        task = await session.get_one(Task, receipt.task_id)
    assert (task.status, task.failure_code) == ("failed", "deleted")


async def test_a_document_deleted_while_it_is_read_leaves_nothing_behind(department: Department) -> None:
    receipt = await department.upload("manual.md", MANUAL)

    async def meanwhile_deleted(path: Path, mime_type: str, take: Take) -> ParsedDocument:
        parsed = await as_it_stands(path, mime_type, take)
        await department.services.documents.delete(department.principal, receipt.document_id, client=CLIENT)
        return parsed

    organization_id = department.principal.organization_id
    await read_task(pipeline(department.services, meanwhile_deleted), organization_id, receipt.task_id)
    async with department.services.database.transaction(organization_id) as session:
        assert await session.scalar(select(func.count(DocumentChunk.id))) == 0
    with pytest.raises(NotFoundError):
        await department.services.documents.get(department.principal, receipt.document_id)
    assert await department.services.search.search(department.principal, QUESTION) == ()


async def test_a_document_whose_reading_is_stopped_writes_no_more_and_can_be_read_again(department: Department) -> None:
    waiting = await department.upload("waiting.md", MANUAL)
    receipt = await department.upload("manual.md", MANUAL)
    tasks, me = department.services.tasks, department.principal
    assert (await tasks.receipt(me, receipt.task_id)).queue_position == 2

    async def meanwhile_stopped(path: Path, mime_type: str, take: Take) -> ParsedDocument:
        await tasks.cancel(me, receipt.task_id, client=CLIENT)
        return await as_it_stands(path, mime_type, take)

    stopped = await run(department, receipt, meanwhile_stopped)
    assert (stopped.status, stopped.failure_code) == (TaskStatus.FAILED, "cancelled")
    assert stopped.next_step
    assert await department.services.search.search(me, QUESTION) == ()
    with pytest.raises(ConflictError):
        await tasks.cancel(me, receipt.task_id, client=CLIENT)
    with pytest.raises(NotFoundError):
        await tasks.cancel(me, UUID(int=1), client=CLIENT)
    assert (await tasks.cancel(me, waiting.task_id, client=CLIENT)).status is TaskStatus.FAILED
    again = await department.services.ingestion.reindex(me, receipt.document_id, client=CLIENT)
    done = await run(department, again)
    assert done.status is TaskStatus.COMPLETED
    assert {"parsing", "embedding"} <= set(done.stages)
    assert done.coverage is not None
    assert (done.coverage.pages, done.coverage.pages_with_text, done.coverage.pages_recognised) == (1, 1, 0)
    assert done.coverage.characters == len(MANUAL)


async def test_a_finished_task_is_not_done_again(department: Department) -> None:
    done = await run(department, await department.upload("manual.md", MANUAL))
    again = await run(department, done)
    assert (done.status, done.stage) == (TaskStatus.COMPLETED, IngestionStage.READY)
    assert again == done


async def test_a_long_file_tells_how_far_it_is(department: Department, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    monkeypatch.setattr("services.tasks.progress.TELL_S", 0.0)
    receipt = await department.upload("manual.md", MANUAL)
    services = department.services
    task = asyncio.create_task(_note_progress(department, receipt.task_id, told))

    async def many(path: Path, mime_type: str, take: Take) -> ParsedDocument:
        pages = [ParsedPage(number, f"Valve {number} opens at {number} bar.") for number in range(1, 3 * BATCH)]
        return ParsedDocument(tuple(pages))

    await read_task(pipeline(services, many), department.principal.organization_id, receipt.task_id)
    task.cancel()
    assert told == sorted(told)
    assert any(35 < progress < 85 for progress in told), told


async def _note_progress(department: Department, task_id: UUID, told: list[int]) -> None:
    while True:
        receipt = await department.services.tasks.receipt(department.principal, task_id)
        told.append(receipt.progress)
        await asyncio.sleep(0)


# -- leases


async def test_a_heartbeat_keeps_the_task_from_everybody_else(department: Department) -> None:
    receipt = await department.upload("manual.md", MANUAL)
    organization_id = department.principal.organization_id
    keeper = LeaseKeeper(department.services.database, owner="first", heartbeat_s=0.01)
    lease = await keeper.take(organization_id, receipt.task_id)
    assert lease is not None
    async with keeper.kept(lease):
        await change(department, receipt.task_id, lease_until=func.now() + text("interval '1 s'"))
        await moved_on(department, receipt.task_id)
        assert await keeper.take(organization_id, receipt.task_id) is None


async def moved_on(department: Department, task_id: UUID) -> None:
    """Wait until a heartbeat has moved the end of the lease on."""
    statement = select(Task.lease_until > func.now() + text("interval '10 s'")).where(Task.id == task_id)

    async def moved() -> bool | None:
        async with department.services.database.transaction(department.principal.organization_id) as session:
            return await session.scalar(statement)

    await until(moved)


async def test_who_lost_the_lease_is_stopped_and_can_write_nothing_more(department: Department) -> None:
    receipt = await department.upload("manual.md", MANUAL)
    organization_id = department.principal.organization_id
    keeper = LeaseKeeper(department.services.database, owner="slow", heartbeat_s=0.01)
    lease = await keeper.take(organization_id, receipt.task_id)
    assert lease is not None

    async def work(lease: Lease) -> None:
        async with keeper.kept(lease):
            await change(department, receipt.task_id, attempts=lease.token + 1)
            await asyncio.Event().wait()

    with pytest.raises(LeaseLostError):
        await asyncio.wait_for(work(lease), 10)
    with pytest.raises(LeaseLostError):
        await keeper.write(lease, progress=50)


async def test_a_cancelled_task_is_cancelled_and_not_lost(department: Department) -> None:
    receipt = await department.upload("manual.md", MANUAL)
    keeper = LeaseKeeper(department.services.database, owner="first")
    lease = await keeper.take(department.principal.organization_id, receipt.task_id)
    assert lease is not None
    begun = asyncio.Event()

    async def work(lease: Lease) -> None:
        async with keeper.kept(lease):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work(lease))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_heartbeat_that_the_database_does_not_hear_is_tried_again(
    department: Department, loaded: LoadedSettings, tmp_path: Path
) -> None:
    receipt = await department.upload("manual.md", MANUAL)
    keeper = LeaseKeeper(department.services.database, owner="first")
    lease = await keeper.take(department.principal.organization_id, receipt.task_id)
    assert lease is not None
    socket = tmp_path / ".s.PGSQL.5432"
    address = application_address(loaded.settings)
    database = Database(create_engine(replace(address, host=str(tmp_path)), pool_size=1))
    cut_off = LeaseKeeper(database, owner="first", heartbeat_s=0.01)
    try:
        with capture_logs() as logs:
            async with cut_off.kept(lease):
                await change(department, receipt.task_id, lease_until=func.now() + text("interval '1 s'"))
                await until(lambda: any(entry["event"] == "heartbeat_missed" for entry in logs))
                socket.symlink_to(Path(address.host) / socket.name)
                await moved_on(department, receipt.task_id)
    finally:
        await database.close()


async def test_a_worker_that_was_overtaken_leaves_the_task_to_the_other(department: Department) -> None:
    receipt = await department.upload("manual.md", MANUAL)

    async def overtaken(path: Path, mime_type: str, take: Take) -> ParsedDocument:
        await change(department, receipt.task_id, attempts=2)
        raise DocumentError("It is a riddle.", failure_code="riddle", next_step="Solve it.")

    now = await run(department, receipt, overtaken)
    assert (now.status, now.failure_code, now.attempts) == (TaskStatus.RUNNING, None, 2)


# -- the worker around it


@pytest.fixture
async def odd_worker(environment: dict[str, str], tmp_path: Path) -> AsyncIterator[Worker]:
    """A worker whose first parser is broken and whose others read no Markdown."""
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        "plugins: {document_parsers: [{name: broken, plugin: plugins.parser.text:TextParser, config: {colour: red}},"
        " {name: text, enabled: false}]}",
        encoding="utf-8",
    )
    async with open_worker(load_settings(overlay=overlay, environ=environment)) as worker:
        yield worker


async def test_a_type_no_enabled_parser_reads_is_refused_and_a_broken_parser_is_passed_over(
    department: Department, odd_worker: Worker
) -> None:
    refused = await department.read(odd_worker, "manual.md", MANUAL)
    assert (refused.status, refused.failure_code) == (TaskStatus.FAILED, "unsupported_type")
    page = b"<!doctype html><html><body><p>The relief valve opens at 6 bar.</p></body></html>"
    assert (await department.read(odd_worker, "manual.html", page)).status is TaskStatus.COMPLETED


async def test_housekeeping_that_fails_is_tried_again(worker: Worker) -> None:
    third = asyncio.Event()
    failures = iter(range(2))

    async def failing() -> None:
        if next(failures, None) is None:
            third.set()
        raise ConflictError("the store is away")

    task = asyncio.create_task(every(lambda: 0.0, failing))
    await asyncio.wait_for(third.wait(), 10)
    task.cancel()


async def test_a_failed_reading_can_be_begun_again_but_not_while_it_is_under_way(department: Department) -> None:
    me = department.principal
    receipt = await department.upload("manual.md", MANUAL)
    with pytest.raises(ConflictError, match="being read right now"):
        await department.services.ingestion.reindex(me, receipt.document_id, client=CLIENT)

    async def broken(path: Path, mime_type: str, take: Take) -> ParsedDocument:
        raise DocumentError("It is a riddle.", failure_code="riddle", next_step="Solve it.")

    failed = await run(department, receipt, broken)
    assert failed.failure_code == "riddle"
    again = await department.services.ingestion.reindex(me, receipt.document_id, client=CLIENT)
    assert (await run(department, again)).status is TaskStatus.COMPLETED
    with pytest.raises(NotFoundError):
        await department.services.ingestion.reindex(me, UUID(int=1), client=CLIENT)
