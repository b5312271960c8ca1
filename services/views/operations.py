"""How does the installation look to who runs it?"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.views.base import View


class MaintenanceView(View):
    """A round of upkeep over the whole installation.

    Attributes:
        started_at: None while a worker is waited for; ``ended_at`` is None until it is through.
        found: What was wrong.
        repaired: What is right now; the rest is named in ``details`` and in the guide.
        error: Why it was broken off; None if it was not.
    """

    id: UUID
    kind: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    found: int
    repaired: int
    details: dict[str, int]
    error: str | None


class OrganizationView(View):
    """An organisation as the operator sees it.

    Attributes:
        users: Accounts, closed ones too.
        documents: With those that lay in the file of another, and with files people keep for themselves.
        has_last_operator: It has one and no other organisation has, so it is not deleted through the API.
    """

    id: UUID
    name: str
    plan: str
    created_at: datetime
    users: int
    documents: int
    is_being_deleted: bool
    has_last_operator: bool


class HealthItem(View):
    """How one part is; ``detail`` says in plain words what is wrong and how to mend it."""

    name: str
    kind: str
    status: str
    detail: str = ""
    latency_ms: float = 0.0


class HealthReport(View):
    """How the whole is: ``ready`` when questions can be answered, even if something is degraded."""

    ready: bool
    status: str
    items: tuple[HealthItem, ...]
