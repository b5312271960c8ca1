"""Who did what, when, from where?"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from core.types import JsonValue
from db.base import Base, Tenant
from db.models.accounts import EMPTY_OBJECT


class AuditLog(Tenant, Base):
    """A sensitive operation. Holds ids and digests, never texts, and survives what it speaks of."""

    __tablename__ = "audit_logs"
    __table_args__ = (
        CheckConstraint("action in ('created', 'updated', 'deleted', 'accessed')", name="action"),
        Index("ix_audit_logs_organization_id_timestamp", "organization_id", "timestamp"),
    )

    timestamp: Mapped[datetime] = mapped_column(server_default=text("now()"))
    user_id: Mapped[UUID | None]
    action: Mapped[str]
    resource_type: Mapped[str]
    resource_id: Mapped[str]
    changes: Mapped[dict[str, JsonValue]] = mapped_column(server_default=EMPTY_OBJECT)
    ip_address: Mapped[str | None]
    user_agent: Mapped[str | None]
