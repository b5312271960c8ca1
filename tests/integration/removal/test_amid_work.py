"""Does a deletion end whole, whatever is being read, dies or is away meanwhile?"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from redis.asyncio import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer
from rq.timeouts import TimerDeathPenalty
from sqlalchemy import select, text

from config.loader import LoadedSettings
from core.errors import NotFoundError
from db.models import Document
from jobs import resident
from jobs.resident import Resident
from services.bootstrap import Services, open_services
from services.connections import redis_url
from services.deletion.receipts import Order
from services.deletion.tombstones import soft_delete_document
from services.tasks.queue import connect
from services.worker.container import Worker, open_worker
from tests.fixtures.application import CLIENT, Department, make_department
from tests.fixtures.outages import impatient, silent_vector_store, without_redis
from tests.fixtures.postgres import PostgresServer
from tests.support.cellar import Cellar, add_collection, cellar_of, store_stray, term_statistics
from tests.support.worker_process import until_ended, worker_process

FILES = 16


async def test_a_collection_deleted_amid_its_reading_goes_whole_and_no_other(
    department: Department,
    services: Services,
    cellar: Cellar,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    doomed = await add_collection(department, "Doomed")
    for number in range(FILES):
        lines = f"Valve A{number} opens at {number + 3} bar. " * 60
        await department.upload(f"doomed-{number}.txt", lines.encode(), doomed)
    same = f"Valve A0 opens at {3} bar. " * 60
    kept = await department.upload("kept.txt", same.encode())
    async with worker_process(environment, tmp_path / "worker.log"):
        await until_ended(department, 3)
        view = await services.removal.delete_collection(department.principal, doomed, client=CLIENT)
        hits = await services.search.search(department.principal, "At how many bar does valve A1 open?", limit=50)
        assert not {hit.filename for hit in hits} - {"kept.txt"}
        with pytest.raises(NotFoundError):
            await department.upload("late.txt", b"Too late.", doomed)
        await until_ended(department, 1)
        await cellar.all_closed()
        assert await cellar.scan_again(view.id) == {}
    (receipt,) = await services.removal.receipts(department.principal)
    assert receipt.removed["documents"] == FILES
    assert receipt.removed["collections"] == 1
    assert receipt.removed["files"] == FILES - 1, "one has the content of a document that stays"
    (hit, *_) = await services.search.search(department.principal, "At how many bar does valve A0 open?")
    assert hit.document_id == kept.document_id


async def test_what_a_worker_writes_after_it_lost_its_lease_is_removed_before_the_receipt_closes(
    department: Department, worker: Worker, services: Services, cellar: Cellar
) -> None:
    await worker.dispatcher.drain()
    receipt = await department.upload("valves.txt", b"The valve opens at 6 bar.")
    mine = department.principal.organization_id
    async with services.database.transaction(mine) as session:
        await session.execute(
            text("UPDATE tasks SET status = 'running', attempts = 1, lease_until = now() + interval '15 seconds'")
        )
        collection_id = await session.scalar(select(Document.collection_id))
    assert collection_id is not None
    view = await services.documents.delete(department.principal, receipt.document_id, client=CLIENT)
    assert (view.left, view.completed_at) == ({}, None)
    await store_stray(department, collection_id, receipt.document_id, receipt.version_id)
    await cellar.make_due()
    assert await cellar.unfinished.run() == 1
    assert await cellar.scan_again(view.id) == {}
    (closed,) = await services.removal.receipts(department.principal)
    assert closed.completed_at is not None
    assert closed.removed["vectors in pgvector"] == 1


async def test_a_deletion_whose_process_died_after_its_first_moment_is_ended_by_a_worker(
    department: Department, worker: Worker, services: Services, cellar: Cellar
) -> None:
    receipt = await department.read(worker, "valves.txt", b"The valve opens at 6 bar.")
    mine = department.principal.organization_id
    async with services.database.transaction(mine) as session:
        receipt_id = await soft_delete_document(session, Order(mine, "somebody"), receipt.document_id)
    assert (await services.documents.list_page(department.principal)).items == ()
    assert await services.search.search(department.principal, "At how many bar does the valve open?") == ()
    assert await term_statistics(department) == 0
    assert await cellar.unfinished.run() == 0, "whoever closed it has a minute to go on"
    assert (await cellar.scan_again(receipt_id))["files"] == 1
    await cellar.make_due()
    await cellar.all_closed()
    assert await cellar.scan_again(receipt_id) == {}


async def test_a_store_that_is_away_leaves_the_receipt_open_and_a_worker_ends_it(
    environment: dict[str, str], redis_client: Redis, postgres_server: PostgresServer, migrated_database: str
) -> None:
    loaded = impatient(environment)
    async with open_services(loaded) as services, open_worker(loaded) as worker:
        async with cellar_of(services, loaded, redis_client) as cellar:
            department = await make_department(services, "alpha")
            receipt = await department.read(worker, "valves.txt", b"The valve opens at 6 bar.")
            with silent_vector_store(postgres_server, migrated_database):
                view = await services.documents.delete(department.principal, receipt.document_id, client=CLIENT)
            assert view.completed_at is None
            assert view.left == {"pgvector did not answer": 1}
            assert view.removed["files"] == 1
            with pytest.raises(NotFoundError):
                await services.documents.get(department.principal, receipt.document_id)
            await cellar.make_due()
            await cellar.all_closed()
            assert await cellar.scan_again(view.id) == {}


async def test_without_redis_a_document_is_deleted_and_its_receipt_stays_open(
    department: Department, worker: Worker, services: Services, environment: dict[str, str], tmp_path: Path
) -> None:
    receipt = await department.read(worker, "valves.txt", b"The valve opens at 6 bar.")
    async with open_services(without_redis(environment, tmp_path)) as alone:
        view = await alone.documents.delete(department.principal, receipt.document_id, client=CLIENT)
    assert view.completed_at is None
    assert view.left == {"Redis did not answer": 1}
    assert {"documents": 1, "files": 1}.items() <= view.removed.items()
    assert (await services.documents.list_page(department.principal)).items == ()


class SlowResident(Resident):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.woken, self.answered = threading.Event(), threading.Event()

    def wake(self) -> None:
        self.woken.set()
        assert self.answered.wait(30)


class ThreadedWorker(SimpleWorker):
    """RQ's worker beside the test; signals reach the main thread only."""

    death_penalty_class = TimerDeathPenalty

    def _install_signal_handlers(self) -> None:
        pass


async def test_a_job_that_is_under_way_keeps_no_receipt_open_and_leaves_nothing(
    department: Department,
    worker: Worker,
    cellar: Cellar,
    loaded: LoadedSettings,
    redis_client: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receipt = await department.read(worker, "valves.txt", b"The valve opens at 6 bar.")
    slow = SlowResident()
    monkeypatch.setattr(resident, "_current", [slow])
    connection = connect(redis_url(loaded.settings))
    queues = [Queue(name, connection=connection, serializer=JSONSerializer) for name in loaded.settings.queue.names]
    answering = ThreadedWorker(queues, connection=connection, serializer=JSONSerializer)
    ended = asyncio.create_task(asyncio.to_thread(answering.work, burst=True, logging_level="WARNING"))
    assert await asyncio.to_thread(slow.woken.wait, 30)
    assert [key async for key in redis_client.scan_iter("rq:job:*")]
    view = await department.services.documents.delete(department.principal, receipt.document_id, client=CLIENT)
    assert (view.left, view.completed_at is not None) == ({}, True)
    slow.answered.set()
    await ended
    assert await cellar.scan_again(view.id) == {}
    assert [key async for key in redis_client.scan_iter("rq:job:*")] == []
