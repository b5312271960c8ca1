"""Who is in an organisation, and by which session or key did they come?"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import NotFoundError
from db.models import ApiKey, Grant, GroupMember, Organization, Session, SignInLink, User


class Credentials(NamedTuple):
    """What sign-in needs to know before an organisation is known."""

    user_id: UUID
    organization_id: UUID
    hashed_password: str | None
    is_active: bool


class RefreshMatch(NamedTuple):
    """A refresh token that was recognised; not current means it was used before."""

    session_id: UUID
    organization_id: UUID
    user_id: UUID
    is_current: bool


class LinkMatch(NamedTuple):
    """An unused sign-in link."""

    link_id: UUID
    organization_id: UUID
    user_id: UUID


class KeyMatch(NamedTuple):
    """A living API key."""

    key_id: UUID
    organization_id: UUID
    user_id: UUID


class IdentityMatch(NamedTuple):
    """Somebody known by what another service calls them."""

    user_id: UUID
    organization_id: UUID
    is_active: bool


class AccountRepository:
    """Accounts, inside the caller's transaction; never commits."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    # -- look-ups that work before an organisation is known: one row each, by definer functions

    async def find_credentials(self, email: str) -> Credentials | None:
        """The account of an address."""
        row = (await self._session.execute(text("SELECT * FROM find_credentials(:e)"), {"e": email})).first()
        return Credentials(*row) if row else None

    async def find_refresh(self, digest: str) -> RefreshMatch | None:
        """The session of a refresh token's digest, current or previous."""
        row = (await self._session.execute(text("SELECT * FROM find_refresh(:d)"), {"d": digest})).first()
        return RefreshMatch(*row) if row else None

    async def find_sign_in_link(self, digest: str) -> LinkMatch | None:
        """The unused link of a token's digest."""
        row = (await self._session.execute(text("SELECT * FROM find_sign_in_link(:d)"), {"d": digest})).first()
        return LinkMatch(*row) if row else None

    async def find_api_key(self, digest: str) -> KeyMatch | None:
        """The living key of a digest."""
        row = (await self._session.execute(text("SELECT * FROM find_api_key(:d)"), {"d": digest})).first()
        return KeyMatch(*row) if row else None

    async def find_identity(self, issuer: str, subject: str) -> IdentityMatch | None:
        """The account of somebody another service vouches for."""
        statement = text("SELECT * FROM find_identity(:i, :s)")
        row = (await self._session.execute(statement, {"i": issuer, "s": subject})).first()
        return IdentityMatch(*row) if row else None

    async def find_organization(self, reference: str) -> UUID | None:
        """The living organisation with this id or name; None also when several have the name."""
        statement = text("SELECT organization_id FROM find_organization(:r)")
        found: UUID | None = await self._session.scalar(statement, {"r": reference})
        return found

    # -- inside an organisation

    async def get_user(self, user_id: UUID) -> tuple[User, Organization]:
        """A living user and their organisation.

        Raises:
            NotFoundError: There is none.
        """
        statement = (
            select(User, Organization)
            .join(Organization, Organization.id == User.organization_id)
            .where(User.id == user_id, ~User.is_deleted, ~Organization.is_deleted)
        )
        row = (await self._session.execute(statement)).first()
        if row is None:
            raise NotFoundError("There is no such user.")
        return row[0], row[1]

    async def list_users(self) -> Sequence[tuple[User, Organization]]:
        """All living users of the organisation by address."""
        statement = (
            select(User, Organization)
            .join(Organization, Organization.id == User.organization_id)
            .where(~User.is_deleted)
            .order_by(User.email)
        )
        return [(user, organization) for user, organization in (await self._session.execute(statement)).all()]

    async def count_active_admins(self) -> int:
        """How many people could still administer the organisation."""
        statement = select(func.count(User.id)).where(
            User.role.in_(("admin", "operator")), User.is_active, ~User.is_deleted
        )
        return await self._session.scalar(statement) or 0

    async def grants_of(self, user_id: UUID) -> tuple[frozenset[UUID], frozenset[UUID]]:
        """(groups of the user, collections granted to the user or one of these groups)."""
        groups = frozenset(
            (await self._session.scalars(select(GroupMember.group_id).where(GroupMember.user_id == user_id))).all()
        )
        statement = select(Grant.collection_id).where((Grant.user_id == user_id) | Grant.group_id.in_(groups))
        return groups, frozenset((await self._session.scalars(statement)).all())

    async def get_session(self, session_id: UUID) -> Session | None:
        """A session by id."""
        return await self._session.get(Session, session_id)

    async def live_sessions(self, session_ids: Collection[UUID], now: datetime) -> set[UUID]:
        """Those that are neither revoked nor expired, of accounts that are open."""
        statement = (
            select(Session.id)
            .join(User, User.id == Session.user_id)
            .where(Session.id.in_(session_ids), Session.revoked_at.is_(None), Session.expires_at > now, User.is_active)
        )
        return set(await self._session.scalars(statement))

    async def get_key(self, key_id: UUID) -> ApiKey | None:
        """An API key by id."""
        return await self._session.get(ApiKey, key_id)

    async def use_link(self, link_id: UUID, now: datetime) -> bool:
        """Mark a link as used; False when somebody was faster."""
        link = await self._session.get(SignInLink, link_id, with_for_update=True)
        if link is None or link.used_at is not None:
            return False
        link.used_at = now
        return True
