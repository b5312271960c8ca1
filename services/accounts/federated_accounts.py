"""Which account belongs to somebody another service vouches for?

The same person is known by issuer and subject. Whoever is new gets an account in the organisation the settings map them
to; an account is never moved between organisations, taken over from another one, or reopened this way.
"""

from __future__ import annotations

from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import AuthorizationError, ConflictError, QuotaError
from core.identity import Role
from db.models import FederatedIdentity as IdentityRow
from db.models import Organization, User
from db.repositories.accounts import AccountRepository, IdentityMatch
from db.unit_of_work import Database
from plugins.interfaces import FederatedIdentity
from services.accounts.accounts import valid_email
from services.accounts.organization_limits import MORE_USERS
from services.audit import ClientInfo, record

log = structlog.get_logger(__name__)

_ASK = "Ask an administrator of the organisation."


class FederatedAccounts:
    """Finds, makes and links accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def resolve(self, identity: FederatedIdentity, *, login: str, client: ClientInfo) -> tuple[UUID, UUID]:
        """(user, organisation) of somebody; made or linked when they are new, with the role they have there now.

        Args:
            login: Entry of the settings that vouches, for the audit log.

        Raises:
            AuthorizationError: Deactivated, of another organisation, or the address belongs to an account already.
            QuotaError: The organisation is full.
        """
        organization_id, match = await self._look_up(identity)
        if match is None:
            match = await self._enrol(identity, organization_id, login, client)
        if match.organization_id != organization_id:
            raise AuthorizationError("Your account belongs to another organisation.", next_step=_ASK)
        if not match.is_active:
            raise AuthorizationError("Your account is not active.", next_step=_ASK)
        if identity.role_follows:
            await self._follow_role(match, identity.role, login, client)
        return match.user_id, match.organization_id

    async def _look_up(self, identity: FederatedIdentity) -> tuple[UUID, IdentityMatch | None]:
        async with self._database.transaction(None) as session:
            accounts = AccountRepository(session)
            organization_id = await accounts.find_organization(identity.organization)
            match = await accounts.find_identity(identity.issuer, identity.subject)
        if organization_id is None:
            log.error("mapped_organization_unknown", organization=identity.organization)
            raise AuthorizationError(
                "Your organisation is not known here.", next_step="Ask the operator to check the mapping."
            )
        return organization_id, match

    async def _enrol(
        self, identity: FederatedIdentity, organization_id: UUID, login: str, client: ClientInfo
    ) -> IdentityMatch:
        address = valid_email(identity.email)
        try:
            async with self._database.transaction(organization_id) as session:
                # The lock makes people come in one by one, so that max_users holds and nobody comes in twice.
                organization = await session.get_one(Organization, organization_id, with_for_update=True)
                known = await AccountRepository(session).find_identity(identity.issuer, identity.subject)
                if known is not None:
                    return known
                existing = await self._linkable(session, identity, address, organization_id)
                user = existing or await self._made(session, organization, address, identity.role)
                _know(session, user, identity, login, client, is_new=existing is None)
                return IdentityMatch(user.id, organization_id, True)
        except ConflictError as error:
            # The address of an account that was deleted, or one made in another organisation this very moment.
            raise _taken() from error

    async def _linkable(
        self, session: AsyncSession, identity: FederatedIdentity, address: str, organization_id: UUID
    ) -> User | None:
        accounts = AccountRepository(session)
        found = await accounts.find_credentials(address)
        if found is None:
            return None
        if not identity.may_link or found.organization_id != organization_id or not found.is_active:
            raise _taken()
        user, _ = await accounts.get_user(found.user_id)
        if user.role == Role.OPERATOR:
            raise _taken()
        return user

    async def _made(self, session: AsyncSession, organization: Organization, address: str, role: Role) -> User:
        if len(await AccountRepository(session).list_users()) >= organization.max_users:
            raise QuotaError(
                f"{organization.name} may have {organization.max_users} users, and has them.",
                next_step=MORE_USERS,
            )
        user = User(organization_id=organization.id, email=address, hashed_password=None, role=role.value)
        session.add(user)
        await session.flush()
        return user

    async def _follow_role(self, match: IdentityMatch, role: Role, login: str, client: ClientInfo) -> None:
        """The directory decides on roles at each sign-in, but not over operators, nor over the last administrator."""
        async with self._database.transaction(match.organization_id) as session:
            accounts = AccountRepository(session)
            user, organization = await accounts.get_user(match.user_id)
            before = user.role
            if before in (role, Role.OPERATOR):
                return
            # Two administrators who lose the role at once must not both find the other still there.
            await session.refresh(organization, with_for_update=True)
            user.role = role.value
            await session.flush()
            if not await accounts.count_active_admins():
                user.role = before
                log.warning("last_admin_kept", user_id=str(user.id))
                return
            record(
                session,
                organization_id=match.organization_id,
                user_id=user.id,
                action="updated",
                resource_type="user",
                resource_id=user.id,
                client=client,
                before={"role": before},
                after={"role": role.value, "login": login},
            )


def _know(
    session: AsyncSession, user: User, identity: FederatedIdentity, login: str, client: ClientInfo, *, is_new: bool
) -> None:
    """From now on this identity is this account."""
    session.add(
        IdentityRow(
            organization_id=user.organization_id, user_id=user.id, issuer=identity.issuer, subject=identity.subject
        )
    )
    record(
        session,
        organization_id=user.organization_id,
        user_id=user.id,
        action="created" if is_new else "updated",
        resource_type="user",
        resource_id=user.id,
        client=client,
        after={"role": user.role, "login": login},
    )


def _taken() -> AuthorizationError:
    # One answer for every case: whose account it is concerns nobody who merely has the same address elsewhere.
    return AuthorizationError("There is an account with your address already.", next_step=_ASK)
