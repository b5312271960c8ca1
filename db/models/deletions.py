"""What was deleted for good?"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from core.states import DeletionSubject
from core.types import JsonValue
from db.base import Base, Tenant, one_of
from db.models.accounts import EMPTY_OBJECT


class DeletionReceipt(Tenant, Base):
    """Says that something is gone from every store; holds ids and counts, never names, and survives what it speaks of.

    ``removed`` counts what went by store and table; ``left`` what a scan found afterwards, nothing if all is well.
    Until ``completed_at`` somebody still has to finish it: whoever takes it up moves ``next_try_at`` on.
    """

    __tablename__ = "deletion_receipts"
    __table_args__ = (
        CheckConstraint(one_of("subject", DeletionSubject), name="subject"),
        Index("ix_deletion_receipts_pending", "next_try_at", postgresql_where=text("completed_at IS NULL")),
    )

    subject: Mapped[DeletionSubject]
    subject_id: Mapped[UUID] = mapped_column(index=True)
    requested_by: Mapped[str]
    removed: Mapped[dict[str, JsonValue]] = mapped_column(server_default=EMPTY_OBJECT)
    left: Mapped[dict[str, JsonValue]] = mapped_column(server_default=EMPTY_OBJECT)
    traces: Mapped[dict[str, JsonValue]] = mapped_column(server_default=EMPTY_OBJECT)
    """Ids and digests of everything that goes with it, see ``services.deletion.inventory``, the most that was found of
    it, and until when a worker may still write some; of an organisation no ids, for all that is its goes."""
    next_try_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    backups_until: Mapped[date | None]
    """From this day on no backup holds it any more, if backups are kept as ``storage.backup_days`` says."""
