"""How does an operator have an organisation go, so that nothing of it remains in any store?

One of the modules that look across organisations. It stops answering in the first transaction. Work in hand loses its
lease then, and is waited for; only afterwards ``services.deletion.purge`` removes what it has. Broken off, it is begun
again and goes on. What stays are the audit log, which holds ids and digests, and the receipt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select

from core.errors import ProviderUnavailableError
from db.maintenance import MaintenanceDatabase
from db.models import DeletionReceipt, Organization
from services.deletion.inventory import Stores
from services.deletion.purge import SILENT, Purge
from services.deletion.receipts import CLAIMED, Order, leases_end_at, view_of
from services.deletion.tombstones import soft_delete_organization
from services.views.deletion import DeletionView

ROUNDS = 3


class OrganizationDeletion:
    """Deletes organisations, and lists them for whoever does.

    Args:
        backup_days: So long backups are kept.
    """

    def __init__(self, database: MaintenanceDatabase, stores: Stores, *, backup_days: int) -> None:
        self._database = database
        self._purge = Purge(lambda _: database.transaction(), stores, backup_days=backup_days)

    async def organizations(self) -> Sequence[tuple[UUID, str, bool]]:
        """(id, name, whether its deletion was begun), oldest first."""
        statement = select(Organization.id, Organization.name, Organization.is_deleted)
        async with self._database.transaction() as session:
            rows = await session.execute(statement.order_by(Organization.created_at))
            return [(row.id, row.name, row.is_deleted) for row in rows]

    async def delete(self, organization_id: UUID, *, requested_by: str) -> DeletionView:
        """Delete it, or go on where that was broken off; waits until it is proved that nothing is left.

        Raises:
            NotFoundError: There is no such organisation.
            ProviderUnavailableError: A store still holds something of it; begin again when it is back.
        """
        receipt_id, ends_at = await self.close(organization_id, requested_by)
        if ends_at is not None:
            await asyncio.sleep(max(0.0, (ends_at - datetime.now(UTC)).total_seconds()))
        for _ in range(ROUNDS):
            view = await self._purge.carry_out(organization_id, receipt_id)
            if view.completed_at is not None:
                return view
            if silent := [name for name in view.left if name.endswith(SILENT)]:
                # While one is away no row goes: those are left too, and that says nothing.
                raise _left_behind(silent)
        raise _left_behind(view.left)

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
            receipt = await soft_delete_organization(session, Order(organization_id, requested_by))
            ends_at = leases_end_at(receipt)
            receipt.next_try_at = (ends_at or datetime.now(UTC)) + CLAIMED if claimed else ends_at
            return receipt.id, ends_at


def _left_behind(names: Iterable[str]) -> ProviderUnavailableError:
    return ProviderUnavailableError(
        f"Something of it is left: {', '.join(sorted(names))}.",
        next_step="Check that every store runs, and delete it again.",
    )
