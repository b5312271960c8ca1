"""What was deleted for good?"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.types import JsonValue
from db.base import Base, Tenant
from db.models.accounts import EMPTY_OBJECT


class DeletionReceipt(Tenant, Base):
    """Says that something is gone from every store; holds ids and counts, never names, and survives what it speaks of.

    ``removed`` counts what went by store and table; ``left`` what a scan found afterwards, nothing if all is well.
    """

    __tablename__ = "deletion_receipts"
    __table_args__ = (CheckConstraint("subject in ('organization')", name="subject"),)

    subject: Mapped[str]
    subject_id: Mapped[UUID] = mapped_column(index=True)
    requested_by: Mapped[str]
    removed: Mapped[dict[str, JsonValue]] = mapped_column(server_default=EMPTY_OBJECT)
    left: Mapped[dict[str, JsonValue]] = mapped_column(server_default=EMPTY_OBJECT)
    completed_at: Mapped[datetime | None]
    backups_until: Mapped[date | None]
    """From this day on no backup holds it any more, if backups are kept as ``storage.backup_days`` says."""
