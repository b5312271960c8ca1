"""How is what was closed removed from every store, and how is that proved?

Everything it takes stands in the receipt, so whoever comes next goes on where it was broken off: every step can be
repeated. A worker that still had a lease may have written vectors after they were removed here, so the last round
comes when that lease has ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import structlog
from sqlalchemy import any_, delete
from sqlalchemy.ext.asyncio import AsyncSession

from core.types import JsonValue, VectorFilter
from db.models import DeletionReceipt, Organization, SemanticCacheEntry
from services.deletion.inventory import (
    FILES,
    REDIS,
    DataInventory,
    ResidualScan,
    Stores,
    batches,
    conditions,
    id_array,
    noting,
    pointers,
)
from services.deletion.tombstones import CLAIMED, ENDS_AT, FOUND
from services.search_index.indexes import Index
from services.views.deletion import DeletionView

log = structlog.get_logger(__name__)

AGAIN_AFTER = timedelta(seconds=15)
HITS = 500
ROWS = 50
"""Documents whose rows go in one statement; a long one has thousands of chunks."""

OfOrganization = Callable[[UUID], AbstractAsyncContextManager[AsyncSession]]
"""Opens a transaction that sees an organisation, by whichever role."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A receipt that somebody works on."""

    receipt_id: UUID
    organization_id: UUID
    traces: DataInventory
    ends_at: datetime | None
    since: datetime


class Purge:
    """Removes what receipts of documents, versions, collections and users name.

    Args:
        backup_days: So long backups are kept.
    """

    def __init__(self, transactions: OfOrganization, stores: Stores, *, backup_days: int) -> None:
        self._transactions = transactions
        self._stores = stores
        self._backup_days = backup_days

    async def carry_out(self, organization_id: UUID, receipt_id: UUID) -> DeletionView:
        """Remove all there is, or what can be reached now; the receipt says which.

        A store that is away holds up no other; it leaves the receipt open, and a worker goes on.

        Raises:
            DatabaseError: PostgreSQL does not answer; a worker goes on.
        """
        job = await self._claimed(organization_id, receipt_id)
        before, _ = await self._scan(job).run()
        unreached = await self._remove(job)
        left, unseen = await self._scan(job).run()
        for store in unreached | unseen:
            left[f"{store} did not answer"] = 1
        return await self._note(job, before, left)

    async def _claimed(self, organization_id: UUID, receipt_id: UUID) -> _Job:
        async with self._transactions(organization_id) as session:
            receipt = await session.get_one(DeletionReceipt, receipt_id, with_for_update=True)
            receipt.next_try_at = datetime.now(UTC) + CLAIMED
            ends_at = receipt.traces.get(ENDS_AT)
            return _Job(
                receipt_id,
                organization_id,
                DataInventory.unpacked(receipt.traces),
                datetime.fromisoformat(str(ends_at)) if ends_at else None,
                receipt.created_at,
            )

    def _scan(self, job: _Job) -> ResidualScan:
        return ResidualScan(
            lambda: self._transactions(job.organization_id), self._stores, job.organization_id, job.traces, job.since
        )

    async def _remove(self, job: _Job) -> set[str]:
        """Returns the stores that did not answer."""
        scan, unreached = self._scan(job), set[str]()
        for index in self._stores.indexes.known:
            if index.vectors is not None:
                with noting(unreached, index.store):
                    await self._remove_vectors(job, scan, index)
        with noting(unreached, REDIS):
            await self._stores.queue.forget_tasks(job.traces.tasks)
            keys = [key async for key in scan.redis_keys()]
            if keys:
                await self._stores.redis.delete(*keys)
        with noting(unreached, FILES):
            await self._remove_files(job, scan)
        await self._remove_rows(job, scan)
        return unreached

    async def _remove_vectors(self, job: _Job, scan: ResidualScan, index: Index) -> None:
        assert index.vectors is not None
        organization_id = job.organization_id
        for some in batches(job.traces.documents):
            await index.vectors.delete_documents(index.collection, some, organization_id)
        if job.traces.parents:
            for version_id in job.traces.versions:
                await index.vectors.delete_version(index.collection, version_id, organization_id)
        for scope in scan.scopes():
            if scope.collection_ids is not None:
                await remove_strays(index, scope)

    async def _remove_files(self, job: _Job, scan: ResidualScan) -> None:
        for some in batches(job.traces.files):
            async with self._transactions(job.organization_id) as session:
                # Uploads hold this row: what is unused here stays so until it is gone.
                await session.get(Organization, job.organization_id, with_for_update=True)
                for path in await scan.unused(session, some):
                    await self._stores.blobs.delete(path)

    async def _remove_rows(self, job: _Job, scan: ResidualScan) -> None:
        """What was deleted, those first that point at others; all else that points at it goes with it."""
        async with self._transactions(job.organization_id) as session:
            if job.traces.documents:
                await session.execute(delete(SemanticCacheEntry).where(scan.cached()))
        for table, _ in reversed(list(conditions(job.traces))):
            mine = table.c.organization_id == job.organization_id
            async with self._transactions(job.organization_id) as session:
                for column, target in pointers(table):
                    if target == "users" and table.c[column].nullable:
                        theirs = table.c[column] == any_(id_array(job.traces.users))
                        await session.execute(table.update().where(mine, theirs).values({column: None}))
            ids = job.traces.of_table().get(table.name, ())
            for start in range(0, len(ids), ROWS):
                some = table.c.id == any_(id_array(ids[start : start + ROWS]))
                async with self._transactions(job.organization_id) as session:
                    await session.execute(table.delete().where(mine, some))

    async def _note(self, job: _Job, before: Counter[str], left: Counter[str]) -> DeletionView:
        now = datetime.now(UTC)
        early = job.ends_at is not None and job.ends_at > now
        async with self._transactions(job.organization_id) as session:
            receipt = await session.get_one(DeletionReceipt, job.receipt_id, with_for_update=True)
            # The most that any round found, whoever removed it and however often that was begun.
            found = counted(receipt.traces.get(FOUND)) | before
            receipt.traces = {**receipt.traces, FOUND: dict(found)}
            receipt.removed, receipt.left = dict(found - left), dict(left)
            if left or early:
                receipt.next_try_at = job.ends_at if early else now + AGAIN_AFTER
                log.info("deletion_goes_on", receipt_id=str(receipt.id), left=dict(left), being_read=early)
            else:
                receipt.completed_at, receipt.next_try_at = now, None
                receipt.backups_until = (now + timedelta(days=self._backup_days)).date()
                log.info("deleted", subject=receipt.subject, subject_id=str(receipt.subject_id))
            return view_of(receipt)


async def remove_strays(index: Index, scope: VectorFilter) -> None:
    """Remove every vector that a filter admits, also those of documents that no row knows of."""
    if index.vectors is None or index.embedding is None:
        return
    anywhere = np.ones(index.embedding.get_dimension(), np.float32)
    while hits := await index.vectors.search(index.collection, anywhere, HITS, scope):
        documents = list({hit.payload.document_id for hit in hits})
        await index.vectors.delete_documents(index.collection, documents, scope.organization_id)


def counted(data: JsonValue) -> Counter[str]:
    """Counts as a row keeps them."""
    return Counter({key: int(str(value)) for key, value in data.items()}) if isinstance(data, Mapping) else Counter()


def view_of(receipt: DeletionReceipt) -> DeletionView:
    """A receipt as people see it."""
    return DeletionView(
        id=receipt.id,
        subject=receipt.subject,
        subject_id=receipt.subject_id,
        requested_by=receipt.requested_by,
        removed=dict(counted(receipt.removed)),
        left=dict(counted(receipt.left)),
        created_at=receipt.created_at,
        completed_at=receipt.completed_at,
        backups_until=receipt.backups_until,
    )
