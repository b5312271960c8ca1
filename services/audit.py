"""How is a sensitive operation remembered?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from core.types import JsonValue
from db.models import AuditLog


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """Where a request came from, as the gateway saw it."""

    ip_address: str | None = None
    user_agent: str | None = None


def record(
    session: AsyncSession,
    *,
    organization_id: UUID,
    user_id: UUID | None,
    action: str,
    resource_type: str,
    resource_id: object,
    client: ClientInfo,
    before: Mapping[str, JsonValue] | None = None,
    after: Mapping[str, JsonValue] | None = None,
) -> None:
    """Add an audit row to the transaction of the operation, so that neither exists without the other.

    Args:
        action: created, updated, deleted or accessed.
        before: The changed fields as they were; ids and settings, never document or chat text.
        after: The same fields as they are now.
    """
    changes: dict[str, JsonValue] = {}
    if before is not None:
        changes["before"] = dict(before)
    if after is not None:
        changes["after"] = dict(after)
    session.add(
        AuditLog(
            organization_id=organization_id,
            user_id=user_id,
            action=action,
            resource_type=resource_type,
            resource_id=str(resource_id),
            changes=changes,
            ip_address=client.ip_address,
            user_agent=(client.user_agent or "")[:400] or None,
        )
    )
