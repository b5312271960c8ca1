"""What may an auth plugin ask about accounts and sessions?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class StoredCredentials:
    """What is kept of an account that signs in with a password."""

    user_id: UUID
    organization_id: UUID
    hashed_password: str | None
    is_active: bool


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session that was found or made."""

    session_id: UUID
    user_id: UUID
    organization_id: UUID


class CredentialStore(Protocol):
    """Where login plugins keep accounts and sessions; the application provides it."""

    async def find_credentials(self, email: str) -> StoredCredentials | None:
        """The account of an address, in any organisation."""

    async def create_session(
        self,
        user_id: UUID,
        organization_id: UUID,
        *,
        refresh_digest: str,
        expires_at: datetime,
        ip_address: str | None,
        user_agent: str | None,
    ) -> StoredSession:
        """Open a session that its refresh token can renew."""

    async def rotate_session(
        self, refresh_digest: str, *, new_digest: str, expires_at: datetime
    ) -> StoredSession | None:
        """Exchange the refresh token; a token used before revokes its session and gives None."""

    async def is_session_live(self, session_id: UUID, organization_id: UUID) -> bool:
        """Whether it exists, has not ended and was not revoked."""

    async def revoke_session(self, session_id: UUID, organization_id: UUID) -> None:
        """End it; unknown ones are ignored."""
