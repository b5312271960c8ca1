"""Where do login plugins keep accounts and sessions? In our tables."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from db.models import Session
from db.repositories.accounts import AccountRepository
from db.unit_of_work import Database
from plugins.interfaces import StoredCredentials, StoredSession


class DatabaseCredentialStore:
    """Credentials and sessions in PostgreSQL: ``plugins.interfaces.CredentialStore``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_credentials(self, email: str) -> StoredCredentials | None:
        async with self._database.transaction(None) as session:
            found = await AccountRepository(session).find_credentials(email)
        return StoredCredentials(*found) if found else None

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
        async with self._database.transaction(organization_id) as session:
            user, _ = await AccountRepository(session).get_user(user_id)
            user.last_login_at = datetime.now(UTC)
            row = Session(
                organization_id=organization_id,
                user_id=user_id,
                refresh_hash=refresh_digest,
                expires_at=expires_at,
                ip_address=ip_address,
                user_agent=(user_agent or "")[:400] or None,
            )
            session.add(row)
            await session.flush()
            return StoredSession(row.id, user_id, organization_id)

    async def rotate_session(
        self, refresh_digest: str, *, new_digest: str, expires_at: datetime
    ) -> StoredSession | None:
        async with self._database.transaction(None) as session:
            match = await AccountRepository(session).find_refresh(refresh_digest)
        if match is None:
            return None
        async with self._database.transaction(match.organization_id) as session:
            row = await session.get(Session, match.session_id, with_for_update=True)
            if row is None or row.revoked_at is not None or row.expires_at <= datetime.now(UTC):
                return None
            if row.refresh_hash != refresh_digest:
                row.revoked_at = datetime.now(UTC)
                return None
            row.previous_refresh_hash, row.refresh_hash, row.expires_at = refresh_digest, new_digest, expires_at
            return StoredSession(row.id, row.user_id, row.organization_id)

    async def is_session_live(self, session_id: UUID, organization_id: UUID) -> bool:
        async with self._database.transaction(organization_id) as session:
            row = await AccountRepository(session).get_session(session_id)
        return row is not None and row.revoked_at is None and row.expires_at > datetime.now(UTC)

    async def revoke_session(self, session_id: UUID, organization_id: UUID) -> None:
        async with self._database.transaction(organization_id) as session:
            row = await session.get(Session, session_id, with_for_update=True)
            if row is not None and row.revoked_at is None:
                row.revoked_at = datetime.now(UTC)
