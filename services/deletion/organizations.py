"""How does an organisation go, so that nothing of it remains in any store?

One of the modules that look across organisations. It stops answering in the first transaction. Work in hand loses its
lease then, and is waited for; only afterwards vectors, files, cache entries, queued jobs and rows go, and a scan over
all of them says what is left. Broken off, it is begun again and goes on. What stays are the audit log, which holds ids
and digests, and the receipt.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import Interval, Table, delete, func, select, type_coerce, update

from core.errors import NotFoundError, ProviderUnavailableError
from core.types import VectorFilter
from db.base import Base
from db.maintenance import MaintenanceDatabase
from db.models import DeletionReceipt, Document, Organization, Session, Task
from services.deletion.inventory import KEPT, Stores
from services.deletion.purge import AGAIN_AFTER, remove_strays, view_of
from services.deletion.tombstones import CLAIMED
from services.search_index.vectors import remove_documents
from services.views.deletion import DeletionView

log = structlog.get_logger(__name__)

ROUNDS = 3
BATCH = 500


class OrganizationDeletion:
    """Deletes organisations, and lists them for whoever does.

    Args:
        backup_days: So long backups are kept.
    """

    def __init__(self, database: MaintenanceDatabase, stores: Stores, *, backup_days: int) -> None:
        self._database = database
        self._stores = stores
        self._backup_days = backup_days

    async def organizations(self) -> Sequence[tuple[UUID, str, bool]]:
        """(id, name, whether its deletion was begun), oldest first."""
        statement = select(Organization.id, Organization.name, Organization.is_deleted)
        async with self._database.transaction() as session:
            rows = await session.execute(statement.order_by(Organization.created_at))
            return [(row.id, row.name, row.is_deleted) for row in rows]

    async def delete(self, organization_id: UUID, *, requested_by: str) -> DeletionView:
        """Delete it, or go on where that was broken off.

        Raises:
            NotFoundError: There is no such organisation.
            ProviderUnavailableError: A store still holds something of it; begin again when it is back.
        """
        receipt_id, until = await self.close(organization_id, requested_by)
        if until is not None:
            await asyncio.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()))
        removed: Counter[str] = Counter()
        left: Counter[str] = Counter()
        for _ in range(ROUNDS):
            removed += await self._remove(organization_id)
            left = await self.scan(organization_id)
            if not left:
                break
        view = await self._note(receipt_id, removed, left)
        log.info("organization_deleted", organization_id=str(organization_id), left=sum(left.values()))
        if left:
            raise ProviderUnavailableError(
                f"Something of it is left: {', '.join(sorted(left))}.",
                next_step="Check that every store runs, and delete it again.",
            )
        return view

    async def scan(self, organization_id: UUID) -> Counter[str]:
        """What is found of an organisation, by store and table."""
        found: Counter[str] = Counter()
        async with self._database.transaction() as session:
            for table in _tables():
                condition = table.c.organization_id == organization_id
                found[table.name] = await session.scalar(select(func.count()).select_from(table).where(condition)) or 0
        for index in self._stores.indexes.known:
            if index.vectors is not None:
                found[f"vectors in {index.store}"] += await index.vectors.count(
                    index.collection, VectorFilter(organization_id)
                )
        found["files"] = await self._stores.blobs.count(organization_id)
        found["redis"] = len([key async for key in self._stores.redis.scan_iter(match=f"*{organization_id}*")])
        found["jobs"] = await self._stores.queue.count_of(organization_id)
        return +found

    async def receipt(self, receipt_id: UUID) -> DeletionView:
        """One receipt."""
        async with self._database.transaction() as session:
            return view_of(await session.get_one(DeletionReceipt, receipt_id))

    async def close(
        self, organization_id: UUID, requested_by: str, *, claimed: bool = True
    ) -> tuple[UUID, datetime | None]:
        """From here on it answers nobody; returns the receipt and when the last lease on its work ends.

        Args:
            claimed: Whoever calls goes on with it; otherwise a worker does.

        Raises:
            NotFoundError: There is no such organisation.
        """
        async with self._database.transaction() as session:
            pending = select(DeletionReceipt).where(
                DeletionReceipt.subject_id == organization_id, DeletionReceipt.completed_at.is_(None)
            )
            receipt = await session.scalar(pending.limit(1))
            organization = await session.get(Organization, organization_id, with_for_update=True)
            if organization is None and receipt is None:
                raise NotFoundError("There is no such organisation.", next_step="See: foundry organization list")
            if organization is not None:
                organization.is_deleted = True
            mine = Task.organization_id == organization_id
            running = mine & (Task.status == "running")
            # The difference by the clock that wrote the lease, which may be another than ours.
            left = await session.scalar(
                select(type_coerce(func.max(Task.lease_until) - func.now(), Interval)).where(running)
            )
            until = datetime.now(UTC) + left if left is not None else None
            await session.execute(
                update(Task)
                .where(mine, Task.status.in_(("queued", "running")))
                .values(status="failed", stage="failed", failure_code="deleted", attempts=Task.attempts + 1)
            )
            await session.execute(update(Document).where(Document.organization_id == organization_id).values(
                is_deleted=True, active_version_id=None
            ))  # fmt: skip
            await session.execute(delete(Session).where(Session.organization_id == organization_id))
            if receipt is None:
                receipt = DeletionReceipt(
                    organization_id=organization_id,
                    subject="organization",
                    subject_id=organization_id,
                    requested_by=requested_by,
                )
                session.add(receipt)
            receipt.next_try_at = datetime.now(UTC) + CLAIMED if claimed else until
            await session.flush()
            return receipt.id, until

    # -- steps

    async def _remove(self, organization_id: UUID) -> Counter[str]:
        removed: Counter[str] = Counter()
        everything = VectorFilter(organization_id)
        for index in self._stores.indexes.known:
            if index.vectors is not None:
                removed[f"vectors in {index.store}"] += await index.vectors.count(index.collection, everything)
        async with self._database.transaction() as session:
            ids = list(await session.scalars(select(Document.id).where(Document.organization_id == organization_id)))
        for start in range(0, len(ids), BATCH):
            await remove_documents(self._stores.indexes.known, ids[start : start + BATCH], organization_id)
        for index in self._stores.indexes.known:
            # Of documents that no row knows of, as a worker leaves behind that slept past its lease.
            await remove_strays(index, everything)
        removed["files"] = await self._stores.blobs.delete_all(organization_id)
        removed["jobs"] = await self._stores.queue.forget(organization_id)
        async for key in self._stores.redis.scan_iter(match=f"*{organization_id}*"):
            removed["redis"] += await self._stores.redis.delete(key)
        async with self._database.transaction() as session:
            for table in reversed(_tables()):
                result = await session.execute(table.delete().where(table.c.organization_id == organization_id))
                removed[table.name] += result.rowcount  # type: ignore[attr-defined]  # a CursorResult, as it deletes
        return +removed

    async def _note(self, receipt_id: UUID, removed: Counter[str], left: Counter[str]) -> DeletionView:
        now = datetime.now(UTC)
        async with self._database.transaction() as session:
            receipt = await session.get_one(DeletionReceipt, receipt_id)
            before = Counter({key: int(str(value)) for key, value in receipt.removed.items()})
            receipt.removed = dict(before + removed)
            receipt.left = dict(left)
            receipt.next_try_at = now + AGAIN_AFTER if left else None
            if not left:
                receipt.completed_at = now
                receipt.backups_until = (now + timedelta(days=self._backup_days)).date()
            return view_of(receipt)


def _tables() -> list[Table]:
    """Every table whose rows belong to an organisation, those first that others point at."""
    return [table for table in Base.metadata.sorted_tables if "organization_id" in table.c and table.name not in KEPT]
