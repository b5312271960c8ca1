"""How does a person look from outside?"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from core.identity import Role
from services.views.base import View


class AccountView(View):
    """A person in an organisation."""

    id: UUID
    email: str
    role: Role
    is_active: bool
    organization_id: UUID
    organization_name: str
    preferences: dict[str, str | bool]
    last_login_at: datetime | None
    created_at: datetime
