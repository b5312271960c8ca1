"""Which deletions were broken off?

One of the modules that look across organisations. A receipt stays open while a store is away, while a worker may still
write what is gone, or when the process died that deleted: it is gone on with here, any number of times, until a scan
finds nothing. Receipts are claimed, so two workers do not do the same.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, or_, select, update

from db.maintenance import MaintenanceDatabase
from db.models import DeletionReceipt
from services.deletion.inventory import Stores
from services.deletion.purge import Purge
from services.deletion.receipts import CLAIMED


class Unfinished:
    """Goes on with them, through the maintenance role."""

    def __init__(self, database: MaintenanceDatabase, stores: Stores, *, backup_days: int) -> None:
        self._database = database
        self.purge = Purge(lambda _: database.transaction(), stores, backup_days=backup_days)

    async def run(self) -> int:
        """One after the other until none is due. Returns how many receipts are complete now."""
        completed = 0
        while (claimed := await self._claim()) is not None:
            view = await self.purge.carry_out(*claimed)
            completed += view.completed_at is not None
        return completed

    async def _claim(self) -> tuple[UUID, UUID] | None:
        """(organization, receipt) of the oldest that is due."""
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
                    .returning(DeletionReceipt.organization_id, DeletionReceipt.id)
                )
            ).first()
        return (row.organization_id, row.id) if row else None
