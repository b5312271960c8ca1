"""How is what no longer answers removed from every store, and how is that proved?

The one engine for documents, versions, collections, people and organisations; what of a store is theirs, a scope says.
Everything it takes stands in the receipt, so whoever comes next goes on where it was broken off: every step can be
repeated. A worker that still had a lease may have written vectors after they were removed here, so the last round
comes when that lease has ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from core.states import DeletionSubject
from db.models import DeletionReceipt
from services.deletion.inventory import DataInventory, Stores
from services.deletion.listed_scope import ListedScope
from services.deletion.organization_scope import OrganizationScope
from services.deletion.receipts import CLAIMED, FOUND, leases_end_at, most_found, view_of
from services.deletion.scan import FILES, REDIS, ResidualScan, noting
from services.deletion.scope import Scope
from services.views.deletion import DeletionView

log = structlog.get_logger(__name__)

AGAIN_AFTER = timedelta(seconds=15)
SILENT = " did not answer"
"""What the name of a store ends in, among what is left, that could not be looked at."""

OfOrganization = Callable[[UUID], AbstractAsyncContextManager[AsyncSession]]
"""Opens a transaction that sees an organisation, by whichever role."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A receipt that somebody works on."""

    receipt_id: UUID
    organization_id: UUID
    scope: Scope
    ends_at: datetime | None


class Purge:
    """Removes what receipts name, whatever their subject.

    Args:
        transactions: Those of an organisation take the role that sees all of them.
        backup_days: So long backups are kept.
    """

    def __init__(self, transactions: OfOrganization, stores: Stores, *, backup_days: int) -> None:
        self._transactions = transactions
        self._stores = stores
        self._backup_days = backup_days

    async def carry_out(self, organization_id: UUID, receipt_id: UUID) -> DeletionView:
        """Remove all there is, or what can be reached now; the receipt says which.

        A store that is away leaves the receipt open, and a worker goes on.

        Raises:
            DatabaseError: PostgreSQL does not answer; a worker goes on.
        """
        job = await self._claimed(organization_id, receipt_id)
        scan = ResidualScan(job.scope)
        before, _ = await scan.run()
        unreached = await self._remove(job.scope)
        left, unseen = await scan.run()
        for store in unreached | unseen:
            left[f"{store}{SILENT}"] = 1
        return await self._note(job, before, left)

    async def _claimed(self, organization_id: UUID, receipt_id: UUID) -> _Job:
        async with self._transactions(organization_id) as session:
            receipt = await session.get_one(DeletionReceipt, receipt_id, with_for_update=True)
            receipt.next_try_at = datetime.now(UTC) + CLAIMED
            return _Job(receipt_id, organization_id, self._scope(organization_id, receipt), leases_end_at(receipt))

    def _scope(self, organization_id: UUID, receipt: DeletionReceipt) -> Scope:
        inventory = DataInventory.unpacked(receipt.traces)
        transactions = partial(self._transactions, organization_id)
        if receipt.subject == DeletionSubject.ORGANIZATION:
            return OrganizationScope(transactions, self._stores, organization_id, inventory)
        return ListedScope(transactions, self._stores, organization_id, inventory, receipt.created_at)

    async def _remove(self, scope: Scope) -> set[str]:
        """Returns the stores that did not answer."""
        unreached = set[str]()
        for index in self._stores.indexes.known:
            with noting(unreached, index.store):
                await scope.remove_vectors(index)
        with noting(unreached, REDIS):
            await scope.forget_jobs()
            keys = [key async for key in scope.redis_keys()]
            if keys:
                await self._stores.redis.delete(*keys)
        with noting(unreached, FILES):
            await scope.remove_files()
        await scope.remove_rows(unreached)
        return unreached

    async def _note(self, job: _Job, before: Counter[str], left: Counter[str]) -> DeletionView:
        now = datetime.now(UTC)
        early = job.ends_at is not None and job.ends_at > now
        async with self._transactions(job.organization_id) as session:
            receipt = await session.get_one(DeletionReceipt, job.receipt_id, with_for_update=True)
            found = most_found(receipt, before)
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
