"""Is every document begun in fair order, also the one whose worker died, and no place held by long files alone?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, text, update
from structlog.testing import capture_logs

from config.loader import LoadedSettings
from core.background import end
from core.states import TaskStatus
from core.types import ParsedDocument, ParsedPage
from db.engine import create_engine
from db.maintenance import MaintenanceDatabase
from db.models import DocumentVersion, Task
from services.bootstrap import Services
from services.connections import maintenance_address
from services.indexing.pipeline import ChunkingRules, IngestionPipeline, Take
from services.tasks.leases import LeaseKeeper
from services.views.uploads import Receipt
from services.worker.dispatcher import LONG_FILE_BYTES, OVERTAKEN_FOR_S, PAUSE_S, Dispatcher
from tests.fixtures.application import Department, make_department
from tests.support.waiting import until


class Reader:
    """Reads nothing until it is let; ``begun`` are the files it was given, in order."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.gate = asyncio.Event()
        self.seen = asyncio.Condition()

    async def __call__(self, path: Path, mime_type: str, take: Take) -> ParsedDocument:
        content = await asyncio.to_thread(path.read_text)
        async with self.seen:
            self.begun.append(content.split()[0])
            self.seen.notify_all()
        await self.gate.wait()
        return ParsedDocument((ParsedPage(1, content),), paged=False)

    async def until(self, count: int) -> list[str]:
        """The files that were begun, once there are so many."""
        async with asyncio.timeout(20), self.seen:
            await self.seen.wait_for(lambda: len(self.begun) >= count)
            return list(self.begun)


def pipeline(services: Services, reader: Reader) -> IngestionPipeline:
    return IngestionPipeline(
        database=services.database,
        blobs=services.blobs,
        leases=LeaseKeeper(services.database, owner="test"),
        parse=reader,
        embedding=services.embedding,
        indexes=services.indexes,
        lexical=services.lexical,
        rules=ChunkingRules(200, 20, 10),
    )


@pytest.fixture
async def maintenance(loaded: LoadedSettings) -> AsyncIterator[MaintenanceDatabase]:
    database = MaintenanceDatabase(create_engine(maintenance_address(loaded.settings), pool_size=1))
    yield database
    await database.close()


@contextmanager
def serving(dispatcher: Dispatcher) -> Iterator[asyncio.Task[None]]:
    task = asyncio.create_task(dispatcher.serve())
    try:
        yield task
    finally:
        task.cancel()


async def upload(department: Department, name: str, *, long: bool = False, waited_s: float = 0.0) -> Receipt:
    """A file that says its name; a long one is only said to be long."""
    receipt = await department.upload(f"{name}.txt", f"{name} says hello.".encode())
    organization = department.principal.organization_id
    async with department.services.database.transaction(organization) as session:
        if long:
            await session.execute(
                update(DocumentVersion)
                .where(DocumentVersion.id == receipt.version_id)
                .values(file_size=LONG_FILE_BYTES + 1)
            )
        await session.execute(
            update(Task)
            .where(Task.id == receipt.task_id)
            .values(created_at=Task.created_at - text(f"interval '{waited_s} s'"))
        )
    return receipt


async def finish(dispatcher: Dispatcher, reader: Reader) -> None:
    reader.gate.set()
    async with asyncio.timeout(20):
        while dispatcher.in_hand:
            await asyncio.wait(dispatcher.in_hand)


async def test_short_files_overtake_long_ones_but_not_for_ever(
    department: Department, maintenance: MaintenanceDatabase
) -> None:
    await upload(department, "long", long=True)
    await upload(department, "short")
    await upload(department, "patient", long=True, waited_s=OVERTAKEN_FOR_S + 1)
    reader = Reader()
    dispatcher = Dispatcher(maintenance, lambda: pipeline(department.services, reader), places=4)
    with serving(dispatcher):
        assert await reader.until(3) == ["patient", "short", "long"]
        await finish(dispatcher, reader)


async def test_whoever_has_the_fewest_in_hand_is_served_first(
    department: Department, services: Services, maintenance: MaintenanceDatabase
) -> None:
    other = await make_department(services, "beta")
    for number in range(4):
        await upload(department, f"alpha-{number}")
    await upload(other, "beta-0")
    reader = Reader()
    dispatcher = Dispatcher(maintenance, lambda: pipeline(services, reader), places=2)
    with serving(dispatcher):
        assert set(await reader.until(2)) == {"alpha-0", "beta-0"}
        reader.gate.set()
        assert set(await reader.until(5)) == {"alpha-0", "alpha-1", "alpha-2", "alpha-3", "beta-0"}
        await finish(dispatcher, reader)


async def test_long_files_leave_a_place_free(department: Department, maintenance: MaintenanceDatabase) -> None:
    for number in range(3):
        await upload(department, f"long-{number}", long=True)
    reader = Reader()
    dispatcher = Dispatcher(maintenance, lambda: pipeline(department.services, reader), places=3)
    with serving(dispatcher):
        assert set(await reader.until(2)) == {"long-0", "long-1"}
        await upload(department, "note")
        dispatcher.wake()
        assert (await reader.until(3))[2] == "note"
        reader.gate.set()
        assert (await reader.until(4))[3] == "long-2"
        await finish(dispatcher, reader)


async def test_a_task_whose_worker_died_is_taken_up_after_a_pause(
    department: Department, maintenance: MaintenanceDatabase
) -> None:
    receipts = [await upload(department, name) for name in ("fresh", "over")]
    organization = department.principal.organization_id
    async with department.services.database.transaction(organization) as session:
        for receipt, ago in zip(receipts, (PAUSE_S - 2, PAUSE_S + 1), strict=True):
            await session.execute(
                update(Task)
                .where(Task.id == receipt.task_id)
                .values(status="running", attempts=1, lease_until=func.now() - text(f"interval '{ago} s'"))
            )
    reader = Reader()
    reader.gate.set()
    dispatcher = Dispatcher(maintenance, lambda: pipeline(department.services, reader), places=2)
    with serving(dispatcher):
        # The other one follows when its pause is over, without being woken.
        assert await reader.until(2) == ["over", "fresh"]
        await finish(dispatcher, reader)
    for receipt in receipts:
        ended = await department.services.tasks.receipt(department.principal, receipt.task_id)
        assert (ended.status, ended.attempts) == (TaskStatus.COMPLETED, 2)


async def test_a_database_that_is_away_postpones_and_ends_nothing(
    department: Department, loaded: LoadedSettings, tmp_path: Path
) -> None:
    await upload(department, "waits")
    address = replace(maintenance_address(loaded.settings), host=str(tmp_path))
    nowhere = MaintenanceDatabase(create_engine(address, pool_size=1))
    reader = Reader()
    dispatcher = Dispatcher(nowhere, lambda: pipeline(department.services, reader), places=2)
    with capture_logs() as logs, serving(dispatcher) as task:

        def said() -> bool:
            dispatcher.wake()
            return bool(logs)

        await until(said)
        assert logs[0]["event"] == "dispatch_postponed"
        assert not task.done()
        await end(task)
    await nowhere.close()
    assert reader.begun == []


async def test_a_task_that_somebody_else_has_is_passed_over(
    department: Department, maintenance: MaintenanceDatabase
) -> None:
    reader = Reader()
    dispatcher = Dispatcher(maintenance, lambda: pipeline(department.services, reader), places=2)
    await dispatcher.begin(department.principal.organization_id, UUID(int=1))
    assert dispatcher.in_hand == frozenset()


async def test_where_memory_is_short_one_document_is_read_at_a_time(
    department: Department, maintenance: MaintenanceDatabase
) -> None:
    for number in range(3):
        await upload(department, f"note-{number}")
    reader, left, looks = Reader(), [300.0], [0]

    def memory_mb() -> float:
        looks[0] += 1
        return left[0]

    dispatcher = Dispatcher(
        maintenance, lambda: pipeline(department.services, reader), places=3, spare_mb=400, memory_mb=memory_mb
    )
    with serving(dispatcher):
        assert len(await reader.until(1)) == 1

        def looked() -> bool:
            dispatcher.wake()
            return looks[0] >= 3

        await until(looked)
        assert len(dispatcher.in_hand) == 1
        left[0] = 500.0
        dispatcher.wake()
        assert len(await reader.until(3)) == 3
        await finish(dispatcher, reader)
