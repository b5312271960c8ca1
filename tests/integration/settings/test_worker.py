"""Do the worker, its leases and its upkeep follow the settings?"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import delete, func, select, update
from structlog.testing import capture_logs

from core.errors import ProviderUnavailableError
from core.states import TaskStatus
from core.types import ParsedDocument, ParsedPage
from db.engine import create_engine
from db.maintenance import MaintenanceDatabase
from db.models import DocumentVersion, Organization, OutboxEntry, Task
from services.bootstrap import Services
from services.connections import maintenance_address
from services.indexing.pipeline import IngestionPipeline, Parse, Take
from services.maintenance.findings import MaintenanceKind
from services.maintenance.jobs import rounds_of
from services.maintenance.rounds import Rounds
from services.worker import container as worker_module
from services.worker.container import Worker, open_worker
from tests.fixtures.application import Department, read_task
from tests.integration.settings.conftest import Loaded, Opened

NOTE = b"The valve opens at 6 bar."


async def as_it_stands(path: Path, mime_type: str, take: Take) -> ParsedDocument:
    return ParsedDocument((ParsedPage(1, await asyncio.to_thread(path.read_text)),), paged=False)


def pipeline(services: Services, parse: Parse = as_it_stands) -> IngestionPipeline:
    """As the worker puts it together, with a reader of the test's own."""
    return worker_module._pipeline(services, parse, lambda _organization, _task: None)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await true():  # noqa: ASYNC110 - a row of the database offers no event
            await asyncio.sleep(0.02)


# -- leases and attempts


@pytest.mark.sees("queue.lease_s")
@pytest.mark.parametrize("lease_s", [600, 3600])
async def test_a_task_is_held_as_long_as_a_lease_lasts(department: Department, opened: Opened, lease_s: int) -> None:
    receipt = await department.upload("note.txt", NOTE)
    async with opened(queue__lease_s=str(lease_s)) as services:
        lease = await pipeline(services).take(department.principal.organization_id, receipt.task_id)
        assert lease is not None
        statement = select(func.extract("epoch", Task.lease_until - func.now())).where(Task.id == receipt.task_id)
        async with services.database.transaction(department.principal.organization_id) as session:
            left = float(await session.scalar(statement) or 0)
    assert lease_s - 60 < left <= lease_s


@pytest.mark.sees("queue.heartbeat_s")
async def test_a_lease_is_moved_on_at_every_heartbeat(department: Department, opened: Opened) -> None:
    moved = asyncio.Event()

    async def slow(path: Path, mime_type: str, take: Take) -> ParsedDocument:
        await moved.wait()
        return await as_it_stands(path, mime_type, take)

    receipt = await department.upload("note.txt", NOTE)
    organization_id = department.principal.organization_id
    async with opened(queue__heartbeat_s="1", queue__lease_s="3600") as services:

        async def lease_until() -> datetime | None:
            async with services.database.transaction(organization_id) as session:
                return await session.scalar(select(Task.lease_until).where(Task.id == receipt.task_id))

        reading = pipeline(services, slow)
        assert reading._leases._heartbeat_s == 1
        running = asyncio.create_task(read_task(reading, organization_id, receipt.task_id))

        async def begun() -> bool:
            return await lease_until() is not None

        await until(begun)
        first = await lease_until()

        async def changed() -> bool:
            return await lease_until() != first

        await until(changed)
        moved.set()
        await running


@pytest.mark.sees("queue.max_attempts")
@pytest.mark.parametrize(("max_attempts", "status"), [(1, TaskStatus.FAILED), (2, TaskStatus.RUNNING)])
async def test_a_document_is_tried_so_many_times(
    department: Department, opened: Opened, max_attempts: int, status: TaskStatus
) -> None:
    async def away(path: Path, mime_type: str, take: Take) -> ParsedDocument:
        raise ProviderUnavailableError("It is away.")

    receipt = await department.upload("note.txt", NOTE)
    async with opened(queue__max_attempts=str(max_attempts)) as services:
        await read_task(pipeline(services, away), department.principal.organization_id, receipt.task_id)
        assert (await services.tasks.receipt(department.principal, receipt.task_id)).status is status


@pytest.mark.sees("queue.job_timeout_s")
async def test_a_document_that_takes_too_long_is_given_up(department: Department, opened: Opened) -> None:
    async def endless(path: Path, mime_type: str, take: Take) -> ParsedDocument:
        await asyncio.Event().wait()
        raise AssertionError("never")

    receipt = await department.upload("note.txt", NOTE)
    async with opened(queue__job_timeout_s="1") as services:
        await read_task(pipeline(services, endless), department.principal.organization_id, receipt.task_id)
        receipt = await services.tasks.receipt(department.principal, receipt.task_id)
    assert (receipt.status, receipt.failure_code) == (TaskStatus.FAILED, "job_timeout")
    assert "longer than 1 s" in (receipt.error_message or "")
    assert "queue.job_timeout_s" in (receipt.next_step or "")


async def test_a_timeout_of_the_readers_own_is_no_end_of_the_job(department: Department, opened: Opened) -> None:
    async def timed_out(path: Path, mime_type: str, take: Take) -> ParsedDocument:
        raise TimeoutError("a socket of the reader")

    receipt = await department.upload("note.txt", NOTE)
    async with opened() as services:
        await read_task(pipeline(services, timed_out), department.principal.organization_id, receipt.task_id)
        receipt = await services.tasks.receipt(department.principal, receipt.task_id)
    assert receipt.failure_code == "internal"


@pytest.mark.sees("queue.sweep_interval_s")
async def test_what_the_queue_forgot_is_looked_for_at_every_interval(department: Department, load: Loaded) -> None:
    receipt = await department.upload("note.txt", NOTE)
    organization_id = department.principal.organization_id

    async def forget() -> None:
        async with department.services.database.transaction(organization_id) as session:
            await session.execute(delete(OutboxEntry))
            session.add(OutboxEntry(organization_id=organization_id, topic="ingest", task_id=receipt.task_id))

    async def found() -> bool:
        async with department.services.database.transaction(organization_id) as session:
            return not await session.scalar(select(func.count()).select_from(OutboxEntry))

    async with open_worker(load(queue__sweep_interval_s="1")) as worker:
        assert worker._interval == 1
        # The first look is that of the start, the second comes after the interval.
        for _ in range(2):
            await forget()
            await until(found)


@pytest.mark.sees("ingestion.spare_memory_mb")
async def test_with_little_memory_left_one_document_is_read_at_a_time(department: Department, load: Loaded) -> None:
    receipts = [await department.upload(f"note-{number}.txt", NOTE + b" %d" % number) for number in range(3)]

    async def all_read() -> bool:
        found = [await department.services.tasks.receipt(department.principal, r.task_id) for r in receipts]
        return all(receipt.status is TaskStatus.COMPLETED for receipt in found)

    with capture_logs() as logs:
        async with open_worker(load(ingestion__spare_memory_mb="100000000")) as worker:
            serving = asyncio.create_task(worker.dispatcher.serve())
            most = 0
            async with asyncio.timeout(60):
                while not await all_read():
                    most = max(most, len(worker.dispatcher.in_hand))
            serving.cancel()
    assert most <= 1
    assert "begins_postponed" in {line["event"] for line in logs}


# -- upkeep


@pytest.fixture
async def maintenance(load: Loaded) -> AsyncIterator[MaintenanceDatabase]:
    database = MaintenanceDatabase(create_engine(maintenance_address(load().settings), pool_size=2))
    yield database
    await database.close()


@pytest.fixture
def rounds(services: Services, maintenance: MaintenanceDatabase, load: Loaded) -> Callable[..., Rounds]:
    """Upkeep as the worker does it, with some settings changed."""

    def run(**changed: str) -> Rounds:
        settings = load(**changed).settings
        return rounds_of(maintenance, services.stores, settings.maintenance, backup_days=settings.storage.backup_days)

    return run


@pytest.mark.sees("maintenance.every_hours")
@pytest.mark.parametrize(("every_hours", "due"), [("1", True), ("3", False)])
async def test_a_round_is_due_after_so_many_hours(
    department: Department,
    rounds: Callable[..., Rounds],
    maintenance: MaintenanceDatabase,
    every_hours: str,
    due: bool,
) -> None:
    ago = datetime.now(UTC) - timedelta(hours=2)
    async with maintenance.transaction() as session:
        await session.execute(update(Organization).values(created_at=ago))
    assert bool(await rounds(maintenance__every_hours=every_hours).run()) is due


@pytest.mark.sees("maintenance.keep_versions", "maintenance.keep_versions_days")
@pytest.mark.parametrize(
    ("changed", "left"),
    [({}, 3), ({"keep_versions": "0"}, 1), ({"keep_versions": "1"}, 2), ({"keep_versions_days": "5"}, 2)],
)
async def test_versions_are_kept_as_long_as_the_settings_say(
    department: Department,
    worker: Worker,
    rounds: Callable[..., Rounds],
    maintenance: MaintenanceDatabase,
    changed: dict[str, str],
    left: int,
) -> None:
    for number in range(3):
        receipt = await department.read(worker, "note.txt", NOTE + b" %d" % number)
    async with maintenance.transaction() as session:
        ago = datetime.now(UTC) - timedelta(days=20)
        first = update(DocumentVersion).where(DocumentVersion.number == 1)
        await session.execute(first.values(valid_from=ago, valid_to=ago + timedelta(days=1)))
    await rounds(**{f"maintenance__{key}": value for key, value in changed.items()}).run_one(MaintenanceKind.RETENTION)
    assert await _versions(maintenance, receipt.document_id) == left


async def _versions(maintenance: MaintenanceDatabase, document_id: UUID) -> int:
    statement = select(func.count(DocumentVersion.id)).where(DocumentVersion.document_id == document_id)
    async with maintenance.transaction() as session:
        return await session.scalar(statement) or 0


@pytest.mark.sees("maintenance.unused_file_hours")
@pytest.mark.parametrize(("unused_file_hours", "stays"), [("1", False), ("3", True)])
async def test_a_file_that_nothing_has_goes_after_so_many_hours(
    department: Department, rounds: Callable[..., Rounds], tmp_path: Path, unused_file_hours: str, stays: bool
) -> None:

    await department.upload("note.txt", NOTE)
    path = tmp_path / "files" / str(department.principal.organization_id) / "ab" / ("ab" * 32)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"nobody's")
    ago = (datetime.now(UTC) - timedelta(hours=2)).timestamp()
    os.utime(path, (ago, ago))
    await rounds(maintenance__unused_file_hours=unused_file_hours).run_one(MaintenanceKind.FILES)
    assert path.exists() is stays
