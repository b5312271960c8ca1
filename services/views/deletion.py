"""What proves that something is gone?"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from core.states import DeletionSubject
from services.views.base import View


class DeletionView(View):
    """That something is gone, from where, and until when backups may hold it.

    Attributes:
        left: What a scan over all stores still found; until nothing is and ``completed_at`` is set, it is gone on with.
    """

    id: UUID
    subject: DeletionSubject
    subject_id: UUID
    requested_by: str
    removed: dict[str, int]
    left: dict[str, int]
    created_at: datetime
    completed_at: datetime | None
    backups_until: date | None
