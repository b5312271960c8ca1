"""Is a version that left the store found, put back, and never in the way?"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import delete, func, select

from config.loader import LoadedSettings
from core.events import NoticeEvent
from core.states import TaskStatus
from core.types import ParsedDocument, VectorFilter
from db.engine import create_engine
from db.maintenance import MaintenanceDatabase
from db.models import IndexedVersion, KeptVectors, Task
from services.connections import maintenance_address
from services.indexing.pipeline import Take
from services.search.retriever import SearchMode
from services.worker.container import Worker
from services.worker.superseded import Superseded
from tests.fixtures.application import CLIENT, Department, read_task
from tests.integration.test_pipeline import as_it_stands, pipeline
from tests.support.versions import NEW, OLD, QUESTION, answer, finish, now, restore, statistics
from tests.support.waiting import until


async def _indexed(department: Department) -> int:
    async with department.services.database.transaction(department.principal.organization_id) as session:
        return await session.scalar(select(func.count(IndexedVersion.id))) or 0


async def _leave_the_store(department: Department, loaded: LoadedSettings) -> None:
    maintenance = MaintenanceDatabase(create_engine(maintenance_address(loaded.settings), pool_size=1))
    try:
        superseded = Superseded(maintenance, department.services.indexes)

        async def left() -> bool:
            # The worker's own housekeeping may be at it as well.
            await superseded.run()
            return await _indexed(department) <= 1

        await until(left)
    finally:
        await maintenance.close()


async def test_a_version_that_left_the_store_is_found_as_of_its_time_and_comes_back_without_the_model(
    department: Department, worker: Worker, loaded: LoadedSettings
) -> None:
    receipt = await department.read(worker, "valves.md", OLD)
    moment = now()
    await department.read(worker, "valves.md", NEW)
    primary = department.services.indexes.primary
    assert primary.vectors is not None
    everything = VectorFilter(department.principal.organization_id)
    await _leave_the_store(department, loaded)
    chunks = await department.services.documents.get(department.principal, receipt.document_id)
    assert await primary.vectors.count(primary.collection, everything) == chunks.chunks
    then = await answer(department, as_of=moment)
    assert "6 bar" in then
    for mode in (SearchMode.DENSE, SearchMode.BM25):
        hits = await department.services.search.find(department.principal, QUESTION, limit=5, mode=mode, as_of=moment)
        assert {hit.chunk.version_number for hit in hits} == {1}
    assert "8 bar" in await answer(department)
    await restore(department, receipt, 1)
    assert "6 bar" in await answer(department)
    await _leave_the_store(department, loaded)
    assert "6 bar" in await answer(department)


async def test_a_version_that_is_just_leaving_the_store_is_found_as_of_its_time(
    department: Department, worker: Worker
) -> None:
    receipt = await department.read(worker, "valves.md", OLD)
    moment = now()
    await department.read(worker, "valves.md", NEW)
    primary = department.services.indexes.primary
    assert primary.vectors is not None
    # As it is between the removal of its vectors and the commit that says so.
    await primary.vectors.delete_version(primary.collection, receipt.version_id, department.principal.organization_id)
    hits = await department.services.search.find(department.principal, QUESTION, limit=5, as_of=moment)
    assert {hit.chunk.version_number for hit in hits} == {1}


async def test_a_version_of_which_no_vectors_are_kept_is_read_again_and_then_answers(
    department: Department, worker: Worker
) -> None:
    first = await department.read(worker, "valves.md", OLD)
    moment = now()
    await department.read(worker, "valves.md", NEW)
    organization_id = department.principal.organization_id
    async with department.services.database.transaction(organization_id) as session:
        await session.execute(delete(IndexedVersion).where(IndexedVersion.version_id == first.version_id))
        await session.execute(delete(KeptVectors).where(KeptVectors.version_id == first.version_id))
    run = await department.services.answering.ask(department.principal, QUESTION, as_of=moment)
    notices = [event async for event in run.events() if isinstance(event, NoticeEvent)]
    assert any("no longer holds some versions of that time" in notice.text for notice in notices)
    done = await department.services.versions.restore(department.principal, first.document_id, 1, client=CLIENT)
    assert done.receipt is not None
    assert "read again" in done.note
    assert "8 bar" in await answer(department)
    assert (await finish(department, worker, done.receipt)).status is TaskStatus.COMPLETED
    assert "6 bar" in await answer(department)


async def test_reading_again_after_a_restore_reads_what_answers(department: Department, worker: Worker) -> None:
    await department.read(worker, "valves.md", OLD)
    receipt = await department.read(worker, "valves.md", NEW)
    await restore(department, receipt, 1)
    again = await department.services.ingestion.reindex(department.principal, receipt.document_id, client=CLIENT)
    assert (await finish(department, worker, again)).version_number == 1
    assert "6 bar" in await answer(department)


async def test_a_later_upload_answers_though_the_earlier_is_read_last(department: Department, worker: Worker) -> None:
    await department.read(worker, "valves.md", OLD)
    slow = await department.upload("valves.md", OLD.replace(b"6 bar", b"7 bar"))
    organization_id = department.principal.organization_id

    async def while_another_comes(path: Path, mime_type: str, take: Take) -> ParsedDocument:
        await department.read(worker, "valves.md", NEW)
        return await as_it_stands(path, mime_type, take)

    await read_task(pipeline(department.services, while_another_comes), organization_id, slow.task_id)
    assert (await department.services.tasks.receipt(department.principal, slow.task_id)).status == "completed"
    assert "8 bar" in await answer(department)
    counted = await statistics(department)
    await restore(department, slow, 2)
    assert "7 bar" in await answer(department)
    await restore(department, slow, 3)
    assert await statistics(department) == counted


async def test_a_move_does_not_bring_back_what_was_replaced_meanwhile(department: Department, worker: Worker) -> None:
    first = await department.read(worker, "valves.md", OLD)
    organization_id = department.principal.organization_id
    async with department.services.database.transaction(organization_id) as session:
        move = Task(
            organization_id=organization_id,
            task_type="move",
            document_id=first.document_id,
            version_id=first.version_id,
        )
        session.add(move)
        await session.flush()
        task_id = move.id

    async def while_another_comes(path: Path, mime_type: str, take: Take) -> ParsedDocument:
        await department.read(worker, "valves.md", NEW)
        return await as_it_stands(path, mime_type, take)

    await read_task(pipeline(department.services, while_another_comes), organization_id, task_id)
    assert "8 bar" in await answer(department)
    view = await department.services.documents.get(department.principal, first.document_id)
    assert (view.version_number, view.status) == (2, "ready")
