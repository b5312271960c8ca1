"""Where do tests see all that is left of what was deleted?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from redis.asyncio import Redis
from sqlalchemy import func, select, text

from config.loader import LoadedSettings
from core.identity import Principal, Role
from core.types import SparseVector, VectorPayload
from db.engine import create_engine
from db.maintenance import MaintenanceDatabase
from db.models import Collection, DeletionReceipt
from services.bootstrap import Services
from services.connections import maintenance_address
from services.deletion.inventory import DataInventory, Stores
from services.deletion.listed_scope import ListedScope
from services.deletion.receipts import ENDS_AT
from services.deletion.resume import Unfinished
from services.deletion.scan import ResidualScan
from tests.fixtures.application import CLIENT, PASSWORD, Department
from tests.support.waiting import until


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

        async def none_open() -> bool:
            return not await self.open_receipts()

        await until(none_open)

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
