"""What can nobody use any more?

One of the modules that look across organisations.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, delete, exists, func, or_

from db.base import Base
from db.maintenance import MaintenanceDatabase
from db.models import (
    ApiKey,
    DeletionReceipt,
    Document,
    MaintenanceReport,
    SemanticCacheEntry,
    Session,
    SignInLink,
)
from services.maintenance.findings import Findings

A_WHILE = timedelta(days=1)
"""What has just ended is still told apart from what never was."""
KEYS_SHOWN = timedelta(days=30)
REPORTS_KEPT = timedelta(days=90)


async def remove_expired(database: MaintenanceDatabase) -> Findings:
    """One round."""
    findings = Findings()
    for what, table, condition in _expired():
        async with database.transaction() as session:
            result = await session.execute(delete(table).where(condition))
            if result.rowcount:  # type: ignore[attr-defined]  # a CursorResult, as it deletes
                findings.add(what, result.rowcount)  # type: ignore[attr-defined]  # the same
    return findings


def _expired() -> list[tuple[str, type[Base], ColumnElement[bool]]]:
    ago = func.now() - A_WHILE
    pending = exists().where(
        DeletionReceipt.organization_id == Document.organization_id, DeletionReceipt.completed_at.is_(None)
    )
    return [
        ("sessions", Session, or_(Session.expires_at < ago, Session.revoked_at < ago)),
        ("sign-in links", SignInLink, or_(SignInLink.expires_at < ago, SignInLink.used_at < ago)),
        ("API keys", ApiKey, ApiKey.expires_at < func.now() - KEYS_SHOWN),
        (
            "cached answers",
            SemanticCacheEntry,
            SemanticCacheEntry.last_used_at + func.make_interval(0, 0, 0, 0, 0, 0, SemanticCacheEntry.ttl_seconds)
            < func.now(),
        ),
        ("reports", MaintenanceReport, MaintenanceReport.ended_at < func.now() - REPORTS_KEPT),
        # Deleted before there were receipts; all else of them went then.
        ("tombstones", Document, Document.is_deleted & (Document.updated_at < ago) & ~pending),
    ]
