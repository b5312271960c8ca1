"""What did the rounds of upkeep find and mend?"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from core.types import JsonValue
from db.base import Base, Tenant
from db.models.accounts import EMPTY_OBJECT


class MaintenanceReport(Tenant, Base):
    """A round of one kind of upkeep; of the zero organisation, as a round looks at all.

    Wanted until ``started_at``, under way until ``ended_at`` and held by a lease like a task. ``found`` counts what was
    wrong, ``repaired`` what is right now. At most one of a kind has not ended.
    """

    __tablename__ = "maintenance_reports"
    __table_args__ = (
        Index("uq_maintenance_reports_open", "kind", unique=True, postgresql_where=text("ended_at IS NULL")),
    )

    kind: Mapped[str]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    found: Mapped[int] = mapped_column(server_default=text("0"))
    repaired: Mapped[int] = mapped_column(server_default=text("0"))
    details: Mapped[dict[str, JsonValue]] = mapped_column(server_default=EMPTY_OBJECT)
    error: Mapped[str | None]
    """Stable word for why it was broken off."""
