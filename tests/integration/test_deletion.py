"""Does an organisation go whole, also while its documents are being read, and does nobody else lose anything?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select

from config.loader import LoadedSettings
from core.errors import KnowledgeFoundryError, NotFoundError
from core.states import TaskStatus
from core.types import SparseVector, VectorPayload
from db.engine import create_engine
from db.maintenance import MaintenanceDatabase
from db.models import AuditLog, DeletionReceipt, Organization
from services.bootstrap import Services, open_services
from services.connections import maintenance_address
from services.deletion.inventory import Stores
from services.deletion.organizations import OrganizationDeletion
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
    redis: Redis

    async def organizations(self) -> int:
        async with self.database.transaction() as session:
            return await session.scalar(select(func.count(Organization.id))) or 0


@pytest.fixture
async def house(services: Services, loaded: LoadedSettings, redis_client: Redis) -> AsyncIterator[House]:
    database = MaintenanceDatabase(create_engine(maintenance_address(loaded.settings), pool_size=1))
    stores = Stores(services.indexes, services.blobs, services.queue, redis_client)
    yield House(OrganizationDeletion(database, stores, backup_days=BACKUP_DAYS), database, redis_client)
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
        assert await house.deletion.scan(mine) == {}
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
    assert await house.deletion.scan(mine) == {}
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
    found = await house.deletion.scan(mine)
    for store in ("documents", "document_chunks", "kept_vectors", "term_statistics", "users", "organizations", "tasks"):
        assert found[store], store
    assert found["vectors in pgvector"] == found["document_chunks"]
    assert (found["files"], found["jobs"], found["redis"]) == (1, 2, 1)
    assert await house.deletion.scan(UUID(int=7)) == {}


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
        with silent_vector_store(postgres_server, migrated_database), pytest.raises(KnowledgeFoundryError):
            await deletion.delete(mine, requested_by="test")
        assert await deletion.organizations() == [(mine, "alpha", True)]
        hits = await services.search.search(department.principal, "At how many bar does the valve open?")
        assert hits == ()
        receipt = await deletion.delete(mine, requested_by="test")
        assert receipt.left == {}
    async with house.database.transaction() as session:
        assert [one.id for one in await session.scalars(select(DeletionReceipt))] == [receipt.id]


async def test_the_organisations_are_listed(department: Department, house: House) -> None:
    assert [(name, begun) for _, name, begun in await house.deletion.organizations()] == [("alpha", False)]
    assert await house.organizations() == 1
    await house.deletion.delete(department.principal.organization_id, requested_by="test")
    assert await house.deletion.organizations() == []
