"""Does an organisation go whole, also while its documents are being read, and does nobody else lose anything?"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select, update

from config.loader import LoadedSettings
from core.errors import NotFoundError, ProviderUnavailableError
from core.states import TaskStatus
from core.types import SparseVector, VectorPayload
from db.engine import create_engine
from db.maintenance import MaintenanceDatabase
from db.models import AuditLog, DeletionReceipt, Organization, Task
from services.bootstrap import Services, open_services
from services.connections import maintenance_address
from services.deletion.inventory import DataInventory, Stores
from services.deletion.organization_scope import OrganizationScope
from services.deletion.organizations import OrganizationDeletion
from services.deletion.receipts import ENDS_AT
from services.deletion.resume import Unfinished
from services.deletion.scan import ResidualScan
from services.search_index.indexes import Indexes
from services.worker.container import Worker, open_worker
from tests.fixtures.application import Department, make_department
from tests.fixtures.outages import impatient, silent_vector_store
from tests.fixtures.postgres import PostgresServer
from tests.support.worker_process import until_ended, worker_process

FILES = 24
BACKUP_DAYS = 14


@dataclass(frozen=True, slots=True)
class House:
    """The means to delete, and to look behind every wall."""

    deletion: OrganizationDeletion
    database: MaintenanceDatabase
    stores: Stores

    @property
    def redis(self) -> Redis:
        return self.stores.redis

    async def scan(self, organization_id: UUID) -> Counter[str]:
        """What is found of an organisation, by store and table."""
        scope = OrganizationScope(self.database.transaction, self.stores, organization_id, DataInventory())
        found, unreached = await ResidualScan(scope).run()
        assert not unreached
        return found

    async def organizations(self) -> int:
        async with self.database.transaction() as session:
            return await session.scalar(select(func.count(Organization.id))) or 0


@pytest.fixture
async def house(services: Services, loaded: LoadedSettings, redis_client: Redis) -> AsyncIterator[House]:
    database = MaintenanceDatabase(create_engine(maintenance_address(loaded.settings), pool_size=1))
    stores = Stores(services.indexes, services.blobs, services.queue, redis_client)
    yield House(OrganizationDeletion(database, stores, backup_days=BACKUP_DAYS), database, stores)
    await database.close()


async def ask(department: Department, question: str) -> None:
    run = await department.services.answering.ask(department.principal, question)
    async for _ in run.events():
        pass


async def test_nothing_is_left_of_an_organisation_deleted_amid_its_reading(
    department: Department, services: Services, house: House, environment: dict[str, str], tmp_path: Path
) -> None:
    other = await make_department(services, "beta")
    for number in range(FILES):
        text_ = f"Valve A{number} opens at {number + 3} bar. " * 60
        await department.upload(f"alpha-{number}.txt", text_.encode())
    await other.upload("beta.txt", b"The gauge of beta reads 9 bar.")
    mine = department.principal.organization_id
    await house.redis.set(f"cache:{mine}:answer", "42 bar")
    async with worker_process(environment, tmp_path / "worker.log") as process:
        await until_ended(department, 4)
        await ask(department, "At how many bar does valve A1 open?")
        receipt = await house.deletion.delete(mine, requested_by="test")
        assert process.returncode is None
        await until_ended(other, 1)
        await other.upload("later.txt", b"The later gauge of beta reads 7 bar.")
        await until_ended(other, 2)
        # The worker had documents of it in hand; what it wrote after losing them would be found now.
        assert await house.scan(mine) == {}
    assert receipt.left == {}
    assert receipt.completed_at is not None
    assert receipt.backups_until == (datetime.now(UTC) + timedelta(days=BACKUP_DAYS)).date()
    assert receipt.removed["documents"] == FILES
    assert receipt.removed["files"] >= FILES
    assert receipt.removed["messages"] == 2
    assert receipt.removed["vectors in pgvector"] >= 4
    assert receipt.removed["organizations"] == receipt.removed["users"] == receipt.removed["redis"] == 1
    assert not (tmp_path / "files" / str(mine)).exists()
    (hit,) = await services.search.find(other.principal, "What does the later gauge of beta read?", limit=1)
    assert hit.chunk.filename == "later.txt"
    async with house.database.transaction() as session:
        audited = await session.scalar(select(func.count(AuditLog.id)).where(AuditLog.organization_id == mine))
    assert audited
    with pytest.raises(NotFoundError, match="deleted"):
        await department.upload("after.txt", b"Too late.")
    assert await house.scan(mine) == {}
    with pytest.raises(NotFoundError):
        await house.deletion.delete(mine, requested_by="test")


async def test_the_scan_finds_every_kind_of_trace(
    department: Department, worker: Worker, house: House, services: Services
) -> None:
    receipt = await department.read(worker, "valves.txt", b"The valve opens at 6 bar.")
    assert receipt.status is TaskStatus.COMPLETED
    mine = department.principal.organization_id
    await services.queue.enqueue(mine, uuid4())
    await house.redis.set(f"limit:{mine}", "1")
    found = await house.scan(mine)
    for store in ("documents", "document_chunks", "kept_vectors", "term_statistics", "users", "organizations", "tasks"):
        assert found[store], store
    assert found["vectors in pgvector"] == found["document_chunks"]
    assert (found["files"], found["jobs"], found["redis"]) == (1, 2, 1)
    assert await house.scan(UUID(int=7)) == {}


async def test_vectors_that_no_document_knows_of_go_too(
    department: Department, worker: Worker, house: House, services: Services
) -> None:
    await department.read(worker, "valves.txt", b"The valve opens at 6 bar.")
    mine, primary = department.principal.organization_id, services.indexes.primary
    assert primary.vectors is not None
    stray = VectorPayload(mine, uuid4(), uuid4(), uuid4())
    vector = await services.embedding.embed_batch(["stray"])
    await primary.vectors.upsert(primary.collection, vector, [stray], [uuid4()], [SparseVector((), ())])
    receipt = await house.deletion.delete(mine, requested_by="test")
    assert receipt.left == {}


async def test_a_store_that_is_away_breaks_it_off_and_the_next_try_ends_it(
    environment: dict[str, str],
    redis_client: Redis,
    house: House,
    postgres_server: PostgresServer,
    migrated_database: str,
) -> None:
    loaded = impatient(environment)
    async with open_services(loaded) as services, open_worker(loaded) as worker:
        department = await make_department(services, "alpha")
        await department.read(worker, "valves.txt", b"The valve opens at 6 bar.")
        mine = department.principal.organization_id
        stores = Stores(services.indexes, services.blobs, services.queue, redis_client)
        deletion = OrganizationDeletion(house.database, stores, backup_days=BACKUP_DAYS)
        with (
            silent_vector_store(postgres_server, migrated_database),
            pytest.raises(ProviderUnavailableError, match=r"left: pgvector did not answer\. Check"),
        ):
            await deletion.delete(mine, requested_by="test")
        assert await deletion.organizations() == [(mine, "alpha", True)]
        hits = await services.search.search(department.principal, "At how many bar does the valve open?")
        assert hits == ()
        receipt = await deletion.delete(mine, requested_by="test")
        assert receipt.left == {}
        assert receipt.removed["files"] == receipt.removed["organizations"] == 1
    async with house.database.transaction() as session:
        assert [one.id for one in await session.scalars(select(DeletionReceipt))] == [receipt.id]


async def test_the_organisations_are_listed(department: Department, house: House) -> None:
    assert [(name, begun) for _, name, begun in await house.deletion.organizations()] == [("alpha", False)]
    assert await house.organizations() == 1
    await house.deletion.delete(department.principal.organization_id, requested_by="test")
    assert await house.deletion.organizations() == []


async def test_the_worker_waits_for_the_last_lease_and_then_goes_on(
    department: Department, worker: Worker, house: House
) -> None:
    await worker.dispatcher.drain()
    await department.upload("valves.txt", b"The valve opens at 6 bar.")
    mine, unfinished = department.principal.organization_id, Unfinished(house.database, house.stores, backup_days=1)
    async with house.database.transaction() as session:
        leased = datetime.now(UTC) + timedelta(seconds=10)
        await session.execute(update(Task).values(status="running", attempts=1, lease_until=leased))
    receipt_id, ends_at = await house.deletion.close(mine, "test", claimed=False)
    assert ends_at is not None
    again, still = await house.deletion.close(mine, "somebody else", claimed=False)
    assert (again, still) == (receipt_id, ends_at), "asked twice, it is closed once and waits no less"
    assert await unfinished.run() == 0, "a worker may still write"
    assert (await house.scan(mine))["documents"] == 1
    past = datetime.now(UTC) - timedelta(seconds=1)
    async with house.database.transaction() as session:
        receipt = await session.get_one(DeletionReceipt, receipt_id)
        receipt.next_try_at, receipt.traces = past, {**receipt.traces, ENDS_AT: past.isoformat()}
    assert await unfinished.run() == 1
    assert await house.scan(mine) == {}
    assert (await house.deletion.receipt(receipt_id)).requested_by == "test"


async def test_a_receipt_of_0_3_that_was_broken_off_is_ended_and_counts_what_went_before(
    department: Department, worker: Worker, house: House
) -> None:
    await department.read(worker, "valves.txt", b"The valve opens at 6 bar.")
    mine = department.principal.organization_id
    receipt_id, _ = await house.deletion.close(mine, "operator", claimed=False)
    async with house.database.transaction() as session:
        # As 0.3 left it, which noted nothing of what is to go, and added up what went.
        receipt = await session.get_one(DeletionReceipt, receipt_id)
        receipt.traces, receipt.removed, receipt.left = {}, {"files": 3, "chats": 2}, {"vectors in pgvector": 4}
        receipt.next_try_at = None
    assert await Unfinished(house.database, house.stores, backup_days=BACKUP_DAYS).run() == 1
    view = await house.deletion.receipt(receipt_id)
    assert view.left == {}
    assert view.completed_at is not None
    assert {"files": 4, "chats": 2, "documents": 1, "organizations": 1}.items() <= view.removed.items()
    assert await house.scan(mine) == {}


async def test_a_store_that_does_not_run_keeps_the_receipt_and_the_rows_until_it_does(
    department: Department, worker: Worker, house: House
) -> None:
    await department.read(worker, "valves.txt", b"The valve opens at 6 bar.")
    mine, stores = department.principal.organization_id, house.stores
    stopped = Indexes(replace(stores.indexes.primary, vectors=None))
    receipt_id, _ = await house.deletion.close(mine, "test", claimed=False)
    assert await Unfinished(house.database, replace(stores, indexes=stopped), backup_days=1).run() == 0
    view = await house.deletion.receipt(receipt_id)
    assert (view.completed_at, view.left["pgvector did not answer"], view.removed["files"]) == (None, 1, 1)
    assert await house.organizations() == 1
    async with house.database.transaction() as session:
        (await session.get_one(DeletionReceipt, receipt_id)).next_try_at = None
    assert await Unfinished(house.database, stores, backup_days=1).run() == 1
    assert await house.scan(mine) == {}
