"""What does a deletion note, for whoever goes on with it and for people?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from core.states import DeletionSubject
from core.types import JsonValue
from db.models import DeletionReceipt
from services.deletion.inventory import DataInventory
from services.views.deletion import DeletionView

CLAIMED = timedelta(seconds=60)
"""Whoever closes goes on at once; if it does not, another process does after so long."""
FOUND = "found"
"""Where a receipt keeps, among its traces, the most that was found of it."""
ENDS_AT = "leases_end_at"
"""Where a receipt keeps, among its traces, until when a worker may still write vectors of what is gone."""


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants something deleted."""

    organization_id: UUID
    requested_by: str


async def open_receipt(
    session: AsyncSession,
    order: Order,
    subject: tuple[DeletionSubject, UUID],
    inventory: DataInventory,
    ends_at: datetime | None,
    found: Mapping[str, int] | None = None,
) -> DeletionReceipt:
    """Note what is still to be removed, claimed by whoever notes it.

    Args:
        ends_at: Until when a worker may still write vectors of it.
        found: What goes with the first moment already.
    """
    kind, subject_id = subject
    traces: dict[str, JsonValue] = {**inventory.packed(), FOUND: dict(found or {})}
    if ends_at is not None:
        traces[ENDS_AT] = ends_at.isoformat()
    receipt = DeletionReceipt(
        id=uuid4(),
        organization_id=order.organization_id,
        subject=kind,
        subject_id=subject_id,
        requested_by=order.requested_by,
        traces=traces,
        next_try_at=datetime.now(UTC) + CLAIMED,
    )
    session.add(receipt)
    await session.flush()
    return receipt


def leases_end_at(receipt: DeletionReceipt) -> datetime | None:
    """Until when a worker may still write vectors of it; None when none had it in hand."""
    ends_at = receipt.traces.get(ENDS_AT)
    return datetime.fromisoformat(str(ends_at)) if ends_at else None


def most_found(receipt: DeletionReceipt, now: Counter[str]) -> Counter[str]:
    """The most that any round found, whoever removed it and however often that was begun."""
    if FOUND in receipt.traces:
        return counted(receipt.traces[FOUND]) | now
    # Up to 0.3 an organisation's receipt added up what it had removed, and did not keep what it had found.
    return counted(receipt.removed) + now


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
