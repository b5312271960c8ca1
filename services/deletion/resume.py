"""Which deletions were broken off?

One of the modules that look across organisations. A receipt stays open while a store is away, while a worker may still
write what is gone, or when the process died that deleted: it is gone on with here, any number of times, until a scan
finds nothing. Receipts are claimed, so two workers do not do the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import structlog
from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import KnowledgeFoundryError
from db.maintenance import MaintenanceDatabase
from db.models import DeletionReceipt
from services.deletion.inventory import Stores
from services.deletion.organizations import OrganizationDeletion
from services.deletion.purge import Purge
from services.deletion.tombstones import CLAIMED

log = structlog.get_logger(__name__)


class Unfinished:
    """Goes on with them, through the maintenance role."""

    def __init__(self, database: MaintenanceDatabase, stores: Stores, *, backup_days: int) -> None:
        self._database = database
        self._organizations = OrganizationDeletion(database, stores, backup_days=backup_days)
        self.purge = Purge(self._transaction, stores, backup_days=backup_days)

    async def run(self) -> int:
        """One after the other until none is due. Returns how many receipts are complete now."""
        completed = 0
        while (claimed := await self._claim()) is not None:
            receipt_id, organization_id, subject = claimed
            if subject != "organization":
                view = await self.purge.carry_out(organization_id, receipt_id)
                completed += view.completed_at is not None
                continue
            try:
                await self._organizations.delete(organization_id, requested_by="")
                completed += 1
            except KnowledgeFoundryError as error:
                log.warning("deletion_postponed", receipt_id=str(receipt_id), reason=error.code)
        return completed

    async def _claim(self) -> tuple[UUID, UUID, str] | None:
        due = (
            select(DeletionReceipt.id)
            .where(
                DeletionReceipt.completed_at.is_(None),
                or_(DeletionReceipt.next_try_at.is_(None), DeletionReceipt.next_try_at <= func.now()),
            )
            .order_by(DeletionReceipt.created_at)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        async with self._database.transaction() as session:
            row = (
                await session.execute(
                    update(DeletionReceipt)
                    .where(DeletionReceipt.id == due)
                    .values(next_try_at=func.now() + CLAIMED)
                    .returning(
                        DeletionReceipt.id,
                        DeletionReceipt.organization_id,
                        DeletionReceipt.subject,
                        DeletionReceipt.subject_id,
                    )
                )
            ).first()
        if row is None:
            return None
        return row.id, row.subject_id if row.subject == "organization" else row.organization_id, row.subject

    @asynccontextmanager
    async def _transaction(self, _organization_id: UUID) -> AsyncIterator[AsyncSession]:
        async with self._database.transaction() as session:
            yield session
