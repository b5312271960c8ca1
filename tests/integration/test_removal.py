"""Do documents, collections and people go whole, whatever happens amid it, and does nothing else go with them?"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer
from rq.timeouts import TimerDeathPenalty
from sqlalchemy import func, select, text

from config.loader import LoadedSettings
from core.errors import AuthenticationError, AuthorizationError, ConflictError, NotFoundError
from core.identity import Principal, Role
from core.types import SparseVector, VectorPayload
from db.base import Base
from db.engine import create_engine
from db.maintenance import MaintenanceDatabase
from db.models import Chat, Collection, DeletionReceipt, Document, SemanticCacheEntry
from jobs import resident
from jobs.resident import Resident
from services.bootstrap import Services, open_services
from services.connections import maintenance_address, redis_url
from services.deletion.inventory import KEPT, POINTERS, DataInventory, Stores, of_documents, pointers
from services.deletion.listed_scope import ListedScope
from services.deletion.receipts import ENDS_AT, Order
from services.deletion.resume import Unfinished
from services.deletion.scan import ResidualScan
from services.deletion.tombstones import soft_delete_document
from services.tasks.queue import connect
from services.worker.container import Worker, open_worker
from tests.fixtures.application import CLIENT, PASSWORD, Department, make_department
from tests.fixtures.outages import impatient, silent_vector_store, without_redis
from tests.fixtures.postgres import PostgresServer
from tests.integration.test_worker_killed import until, worker_process

FILES = 16


@dataclass(frozen=True, slots=True)
class Cellar:
    """Where one sees all that is left, and goes on with what was broken off."""

    database: MaintenanceDatabase
    stores: Stores
    unfinished: Unfinished

    async def scan(self, organization_id: UUID, traces: DataInventory, since: datetime) -> dict[str, int]:
        scope = ListedScope(self.database.transaction, self.stores, organization_id, traces, since)
        found, unreached = await ResidualScan(scope).run()
        assert not unreached
        return dict(found)

    async def scan_again(self, receipt_id: UUID) -> dict[str, int]:
        """For everything that a receipt names."""
        async with self.database.transaction() as session:
            receipt = await session.get_one(DeletionReceipt, receipt_id)
        return await self.scan(receipt.organization_id, DataInventory.unpacked(receipt.traces), receipt.created_at)

    async def open_receipts(self) -> int:
        statement = select(func.count(DeletionReceipt.id)).where(DeletionReceipt.completed_at.is_(None))
        async with self.database.transaction() as session:
            return await session.scalar(statement) or 0

    async def all_closed(self) -> None:
        """Wait until a worker has ended every deletion."""
        async with asyncio.timeout(60):
            while True:
                if not await self.open_receipts():
                    return
                await asyncio.sleep(0.1)

    async def make_due(self) -> None:
        """As if the last lease had ended and it were time to try again."""
        past = datetime.now(UTC) - timedelta(seconds=1)
        async with self.database.transaction() as session:
            for receipt in await session.scalars(select(DeletionReceipt)):
                receipt.next_try_at = past
                if ENDS_AT in receipt.traces:
                    receipt.traces = {**receipt.traces, ENDS_AT: past.isoformat()}


@asynccontextmanager
async def cellar_of(services: Services, loaded: LoadedSettings, redis: Redis) -> AsyncIterator[Cellar]:
    database = MaintenanceDatabase(create_engine(maintenance_address(loaded.settings), pool_size=2))
    stores = Stores(services.indexes, services.blobs, services.queue, redis)
    yield Cellar(database, stores, Unfinished(database, stores, backup_days=14))
    await database.close()


@pytest.fixture
async def cellar(services: Services, loaded: LoadedSettings, redis_client: Redis) -> AsyncIterator[Cellar]:
    async with cellar_of(services, loaded, redis_client) as opened:
        yield opened


async def add_collection(department: Department, name: str) -> UUID:
    async with department.services.database.transaction(department.principal.organization_id) as session:
        row = Collection(organization_id=department.principal.organization_id, name=name)
        session.add(row)
        await session.flush()
        return row.id


async def add_person(department: Department, name: str, role: Role) -> Principal:
    account = await department.services.accounts.create_user(
        department.principal, email=f"{name}@alpha.example", password=PASSWORD, role=role, client=CLIENT
    )
    return Principal(account.id, account.organization_id, role, account.email)


async def term_statistics(department: Department) -> int:
    async with department.services.database.transaction(department.principal.organization_id) as session:
        return await session.scalar(text("SELECT coalesce(sum(document_count), 0) FROM term_statistics")) or 0


async def store_stray(department: Department, collection_id: UUID, document_id: UUID, version_id: UUID) -> None:
    """A vector as a worker writes it that slept past its lease."""
    primary = department.services.indexes.primary
    assert primary.vectors is not None
    payload = VectorPayload(department.principal.organization_id, collection_id, document_id, version_id)
    vector = await department.services.embedding.embed_batch(["late"])
    await primary.vectors.upsert(primary.collection, vector, [payload], [uuid4()], [SparseVector((), ())])


async def test_a_document_goes_from_every_store_and_the_receipt_counts_it(
    department: Department, worker: Worker, services: Services, cellar: Cellar, tmp_path: Path
) -> None:
    kept = await department.read(worker, "kept.txt", b"The gauge reads 9 bar.")
    counted = await term_statistics(department)
    gone = await department.read(worker, "valves.txt", b"The valve opens at 6 bar.")
    again = await department.read(worker, "valves.txt", b"The valve opens at 7 bar.")
    view = await services.documents.delete(department.principal, gone.document_id, client=CLIENT)
    assert (view.subject, view.subject_id, view.left) == ("document", gone.document_id, {})
    assert view.completed_at is not None
    assert view.backups_until == (datetime.now(UTC) + timedelta(days=30)).date()
    assert view.requested_by == str(department.user.id)
    expected = {"documents": 1, "document_versions": 2, "tasks": 2, "files": 2, "version_periods": 2}
    assert expected.items() <= view.removed.items()
    assert view.removed["document_chunks"] >= 2
    assert view.removed["vectors in pgvector"] >= 1
    assert await cellar.scan_again(view.id) == {}
    assert await term_statistics(department) == counted
    stored = {path.name for path in (tmp_path / "files").rglob("*") if path.is_file()}
    assert len(stored) == 1
    assert again.document_id == gone.document_id
    assert (await services.documents.get(department.principal, kept.document_id)).chunks == 1
    (listed,) = await services.removal.receipts(department.principal)
    assert listed == view


async def test_a_file_that_another_document_has_too_stays(
    department: Department, worker: Worker, services: Services
) -> None:
    first = await department.read(worker, "one.txt", b"The valve opens at 6 bar.")
    second = await department.read(worker, "two.txt", b"The valve opens at 6 bar.")
    view = await services.documents.delete(department.principal, first.document_id, client=CLIENT)
    assert "files" not in view.removed
    path, _, _ = await services.documents.file(department.principal, second.document_id, second.version_id)
    assert path.read_bytes() == b"The valve opens at 6 bar."
    view = await services.documents.delete(department.principal, second.document_id, client=CLIENT)
    assert view.removed["files"] == 1
    assert not path.exists()


async def test_the_scan_finds_every_kind_of_trace(
    department: Department, worker: Worker, services: Services, cellar: Cellar, tmp_path: Path
) -> None:
    receipt = await department.read(worker, "valves.txt", b"The valve opens at 6 bar.")
    mine, document_id = department.principal.organization_id, receipt.document_id
    async with services.database.transaction(mine) as session:
        traces = await of_documents(session, [document_id], of_one=DataInventory())
    rows = await cellar.scan(mine, traces, datetime.now(UTC))
    for table in ("documents", "document_versions", "document_chunks", "tasks", "kept_vectors", "version_periods"):
        assert rows[table], table
    assert (rows["files"], rows["jobs"], rows["vectors in pgvector"]) == (1, 1, rows["document_chunks"])
    view = await services.documents.delete(department.principal, document_id, client=CLIENT)
    assert await cellar.scan_again(view.id) == {}

    await cellar.stores.redis.set(f"cache:{document_id}", "6 bar")
    assert await cellar.scan_again(view.id) == {"redis": 1}
    await cellar.stores.redis.delete(f"cache:{document_id}")
    await services.queue.enqueue(mine, receipt.task_id)
    assert await cellar.scan_again(view.id) == {"jobs": 1}
    await services.queue.forget_tasks([receipt.task_id])
    await store_stray(department, uuid4(), document_id, uuid4())
    assert await cellar.scan_again(view.id) == {"vectors in pgvector": 1}
    await cellar.stores.indexes.primary.vectors.delete_documents(  # type: ignore[union-attr]  # it runs
        cellar.stores.indexes.primary.collection, [document_id], mine
    )
    path = traces.files[0]
    (tmp_path / "files" / path).parent.mkdir(exist_ok=True)
    (tmp_path / "files" / path).write_bytes(b"again")
    assert await cellar.scan_again(view.id) == {"files": 1}
    (tmp_path / "files" / path).unlink()
    before = datetime.now(UTC) - timedelta(days=1)
    async with cellar.database.transaction() as session:
        session.add(
            SemanticCacheEntry(
                organization_id=mine, query_hash="0", query_text="?", query_embedding=[1.0], response={},
                created_at=before,
            )
        )  # fmt: skip
    assert await cellar.scan_again(view.id) == {"semantic_cache": 1}


def test_every_column_that_points_at_something_deletable_is_looked_at() -> None:
    deletable = set(POINTERS.values())
    for table in Base.metadata.sorted_tables:
        if table.name in KEPT:
            continue
        looked_at = dict(pointers(table))
        for column in table.c:
            for key in column.foreign_keys:
                if key.column.table.name in deletable:
                    assert looked_at[column.name] == key.column.table.name
            if column.name in POINTERS:
                assert column.name in looked_at, f"{table.name}.{column.name}"


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
        await until(department, 3)
        view = await services.removal.delete_collection(department.principal, doomed, client=CLIENT)
        hits = await services.search.search(department.principal, "At how many bar does valve A1 open?", limit=50)
        assert not {hit.filename for hit in hits} - {"kept.txt"}
        with pytest.raises(NotFoundError):
            await department.upload("late.txt", b"Too late.", doomed)
        await until(department, 1)
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
    await worker.drain()
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


async def test_a_person_goes_with_conversations_and_credentials_while_documents_stay(
    department: Department, worker: Worker, services: Services, cellar: Cellar
) -> None:
    editor = await add_person(department, "eve", Role.EDITOR)
    tokens = await services.accounts.sign_in(editor.email, PASSWORD, client=CLIENT)
    theirs = Department(services, department.user, editor)
    receipt = await theirs.read(worker, "valves.txt", b"The valve opens at 6 bar.")
    run = await services.answering.ask(editor, "At how many bar does the valve open?")
    async for _ in run.events():
        pass
    view = await services.removal.delete_user(department.principal, editor.user_id, client=CLIENT)
    assert view.completed_at is not None
    assert {"users": 1, "chats": 1}.items() <= view.removed.items()
    assert await cellar.scan_again(view.id) == {}
    with pytest.raises(AuthenticationError):
        await services.accounts.principal_from_token(tokens.access_token)
    with pytest.raises(AuthenticationError):
        await services.accounts.refresh(tokens.refresh_token)
    document = await services.documents.get(department.principal, receipt.document_id)
    assert document.uploaded_by == ""
    (hit,) = await services.search.search(department.principal, "At how many bar does the valve open?")
    assert hit.document_id == receipt.document_id
    async with services.database.transaction(department.principal.organization_id) as session:
        assert await session.scalar(select(func.count(Chat.id))) == 0
    again = await add_person(department, "eve", Role.VIEWER)
    assert again.user_id != editor.user_id


async def test_a_person_goes_with_their_documents_when_asked(
    department: Department, worker: Worker, services: Services, cellar: Cellar
) -> None:
    editor = await add_person(department, "eve", Role.EDITOR)
    kept = await department.read(worker, "kept.txt", b"The gauge reads 9 bar.")
    receipt = await Department(services, department.user, editor).read(worker, "valves.txt", b"It opens at 6 bar.")
    view = await services.removal.delete_user(department.principal, editor.user_id, with_documents=True, client=CLIENT)
    assert {"users": 1, "documents": 1, "files": 1}.items() <= view.removed.items()
    assert await cellar.scan_again(view.id) == {}
    with pytest.raises(NotFoundError):
        await services.documents.get(department.principal, receipt.document_id)
    assert (await services.documents.get(department.principal, kept.document_id)).uploaded_by == department.user.email


async def test_the_last_administrator_stays_and_editors_delete_neither_people_nor_collections(
    department: Department, services: Services
) -> None:
    with pytest.raises(ConflictError):
        await services.removal.delete_user(department.principal, department.user.id, client=CLIENT)
    assert (await services.accounts.me(department.principal)).is_active
    editor = await add_person(department, "eve", Role.EDITOR)
    collection = await add_collection(department, "Reports")
    with pytest.raises(AuthorizationError):
        await services.removal.delete_collection(editor, collection, client=CLIENT)
    with pytest.raises(AuthorizationError):
        await services.removal.delete_user(editor, department.user.id, client=CLIENT)
    assert await services.removal.receipts(department.principal) == ()


class SlowBell(Resident):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.rung, self.answered = threading.Event(), threading.Event()

    def wake(self) -> None:
        self.rung.set()
        assert self.answered.wait(30)


class ThreadedWorker(SimpleWorker):
    """RQ's worker beside the test; signals reach the main thread only."""

    death_penalty_class = TimerDeathPenalty

    def _install_signal_handlers(self) -> None:
        pass


async def test_a_bell_that_is_being_answered_keeps_no_receipt_open_and_leaves_nothing(
    department: Department,
    worker: Worker,
    cellar: Cellar,
    loaded: LoadedSettings,
    redis_client: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receipt = await department.read(worker, "valves.txt", b"The valve opens at 6 bar.")
    bell = SlowBell()
    monkeypatch.setattr(resident, "_current", [bell])
    connection = connect(redis_url(loaded.settings))
    queues = [Queue(name, connection=connection, serializer=JSONSerializer) for name in loaded.settings.queue.names]
    answering = ThreadedWorker(queues, connection=connection, serializer=JSONSerializer)
    ended = asyncio.create_task(asyncio.to_thread(answering.work, burst=True, logging_level="WARNING"))
    assert await asyncio.to_thread(bell.rung.wait, 30)
    assert [key async for key in redis_client.scan_iter("rq:job:*")]
    view = await department.services.documents.delete(department.principal, receipt.document_id, client=CLIENT)
    assert (view.left, view.completed_at is not None) == ({}, True)
    bell.answered.set()
    await ended
    assert await cellar.scan_again(view.id) == {}
    assert [key async for key in redis_client.scan_iter("rq:job:*")] == []
