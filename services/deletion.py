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
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import structlog
from redis.asyncio import Redis
from sqlalchemy import Table, delete, func, select, update

from core.errors import NotFoundError, ProviderUnavailableError
from core.types import VectorFilter
from db.base import Base
from db.maintenance import MaintenanceDatabase
from db.models import DeletionReceipt, Document, Organization, Session, Task
from services.blobs import BlobStore
from services.indexes import Indexes
from services.job_queue import JobQueue
from services.leases import LEASE
from services.vector_writing import remove_documents
from services.views import DeletionView

log = structlog.get_logger(__name__)

KEPT = frozenset({"audit_logs", "deletion_receipts", "settings_versions"})
"""Ids and digests; what says that it is gone; and settings, which are the installation's whoever saved them."""
ROUNDS = 3
BATCH = 500


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything an organisation leaves traces in, beside PostgreSQL."""

    indexes: Indexes
    blobs: BlobStore
    queue: JobQueue
    redis: Redis


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
        receipt_id, until = await self._close(organization_id, requested_by)
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

    # -- steps

    async def _close(self, organization_id: UUID, requested_by: str) -> tuple[UUID, datetime | None]:
        """From here on it answers nobody; returns the receipt and when the last lease on its work ends."""
        async with self._database.transaction() as session:
            organization = await session.get(Organization, organization_id, with_for_update=True)
            if organization is None:
                raise NotFoundError("There is no such organisation.", next_step="See: foundry organization list")
            organization.is_deleted = True
            mine = Task.organization_id == organization_id
            running = mine & (Task.status == "running")
            until = await session.scalar(select(func.max(Task.lease_until)).where(running))
            await session.execute(
                update(Task)
                .where(mine, Task.status.in_(("queued", "running")))
                .values(status="failed", stage="failed", failure_code="deleted", attempts=Task.attempts + 1)
            )
            await session.execute(update(Document).where(Document.organization_id == organization_id).values(
                is_deleted=True, active_version_id=None
            ))  # fmt: skip
            await session.execute(delete(Session).where(Session.organization_id == organization_id))
            receipt = await session.scalar(
                select(DeletionReceipt).where(
                    DeletionReceipt.subject_id == organization_id, DeletionReceipt.completed_at.is_(None)
                )
            )
            if receipt is None:
                receipt = DeletionReceipt(
                    organization_id=organization_id,
                    subject="organization",
                    subject_id=organization_id,
                    requested_by=requested_by,
                )
                session.add(receipt)
                await session.flush()
            return receipt.id, min(until, datetime.now(UTC) + LEASE) if until else None

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
        await self._remove_strays(organization_id)
        removed["files"] = await self._stores.blobs.delete_all(organization_id)
        removed["jobs"] = await self._stores.queue.forget(organization_id)
        async for key in self._stores.redis.scan_iter(match=f"*{organization_id}*"):
            removed["redis"] += await self._stores.redis.delete(key)
        async with self._database.transaction() as session:
            for table in reversed(_tables()):
                result = await session.execute(table.delete().where(table.c.organization_id == organization_id))
                removed[table.name] += result.rowcount  # type: ignore[attr-defined]  # a CursorResult, as it deletes
        return +removed

    async def _remove_strays(self, organization_id: UUID) -> None:
        """Vectors of documents that no row knows of, as a worker leaves behind that slept past its lease."""
        everything = VectorFilter(organization_id)
        for index in self._stores.indexes.known:
            if index.vectors is None or index.embedding is None:
                continue
            anywhere = np.ones(index.embedding.get_dimension(), np.float32)
            while hits := await index.vectors.search(index.collection, anywhere, BATCH, everything):
                documents = list({hit.payload.document_id for hit in hits})
                await index.vectors.delete_documents(index.collection, documents, organization_id)

    async def _note(self, receipt_id: UUID, removed: Counter[str], left: Counter[str]) -> DeletionView:
        now = datetime.now(UTC)
        async with self._database.transaction() as session:
            receipt = await session.get_one(DeletionReceipt, receipt_id)
            before = Counter({key: int(str(value)) for key, value in receipt.removed.items()})
            receipt.removed = dict(before + removed)
            receipt.left = dict(left)
            if not left:
                receipt.completed_at = now
                receipt.backups_until = (now + timedelta(days=self._backup_days)).date()
            return DeletionView(
                id=receipt.id,
                subject=receipt.subject,
                subject_id=receipt.subject_id,
                removed=dict(before + removed),
                left=dict(left),
                completed_at=receipt.completed_at,
                backups_until=receipt.backups_until,
            )


def _tables() -> list[Table]:
    """Every table whose rows belong to an organisation, those first that others point at."""
    return [table for table in Base.metadata.sorted_tables if "organization_id" in table.c and table.name not in KEPT]
