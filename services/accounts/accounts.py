"""Who is calling, and who belongs to the organisation?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from core.errors import AuthenticationError, ConflictError, NotFoundError, QuotaError, ValidationError
from core.identity import EntryPoint, Principal, Role, Scope
from core.security import passwords
from core.security.tokens import TokenPurpose, digest, has_purpose, new_token
from db.models import Organization, SignInLink, User
from db.repositories.accounts import AccountRepository
from db.unit_of_work import Database
from plugins.interfaces import AuthProvider
from plugins.interfaces import TokenPair as TokenPair
from services.accounts.organization_limits import MORE_USERS
from services.audit import ClientInfo, record
from services.views.accounts import AccountView

_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f.]+(\.[^@\s\x00-\x1f.]+)+")
PREFERENCES = frozenset({"language", "theme", "default_assistant", "notifications"})
LINK_LIFETIME = timedelta(hours=24)


class SessionOpener(Protocol):
    """A login that can also open a session for somebody whose identity was proved by a sign-in link."""

    async def open_session(
        self, user_id: UUID, organization_id: UUID, *, ip_address: str | None, user_agent: str | None
    ) -> TokenPair: ...


class AccountService:
    """Sign-in, sessions, keys and people."""

    def __init__(self, database: Database, auth: AuthProvider, *, password_rules: passwords.PasswordRules) -> None:
        self._database = database
        self._auth = auth
        self._rules = password_rules

    # -- proving who one is

    async def sign_in(self, email: str, password: str, *, client: ClientInfo) -> TokenPair:
        """Tokens for an e-mail and its password.

        Raises:
            AuthenticationError: Unknown, wrong or inactive, in the same words.
        """
        tokens = await self._auth.authenticate(
            {
                "email": email,
                "password": password,
                "ip_address": client.ip_address or "",
                "user_agent": client.user_agent or "",
            }
        )
        await self._note_sign_in(tokens, client)
        return tokens

    async def redeem_link(self, token: str, *, client: ClientInfo) -> TokenPair:
        """Tokens for a sign-in link, once.

        Raises:
            AuthenticationError: Unknown, used or expired.
        """
        match = None
        if has_purpose(token, TokenPurpose.SIGN_IN_LINK):
            async with self._database.transaction(None) as session:
                match = await AccountRepository(session).find_sign_in_link(digest(token))
        used = False
        if match is not None:
            async with self._database.transaction(match.organization_id) as session:
                used = await AccountRepository(session).use_link(match.link_id, datetime.now(UTC))
        if match is None or not used:
            raise AuthenticationError("This sign-in link was used or has expired.", next_step="Sign in by password.")
        return await self.open_session(match.user_id, match.organization_id, client=client)

    async def open_session(
        self, user_id: UUID, organization_id: UUID, *, client: ClientInfo, login: str = ""
    ) -> TokenPair:
        """Tokens for somebody whose identity was proved without a password.

        Args:
            login: Entry of the settings that proved it, for the audit log.

        Raises:
            AuthenticationError: The account is not active, or the login in use opens sessions by password only.
        """
        opener = self._auth
        if not hasattr(opener, "open_session"):
            raise AuthenticationError("Only passwords open sessions here.", next_step="Sign in by password.")
        tokens: TokenPair = await opener.open_session(
            user_id, organization_id, ip_address=client.ip_address, user_agent=client.user_agent
        )
        await self._note_sign_in(tokens, client, login)
        return tokens

    async def refresh(self, refresh_token: str) -> TokenPair:
        """A new pair for a refresh token, which is used up by it."""
        return await self._auth.refresh_token(refresh_token)

    async def sign_out(self, access_token: str) -> None:
        """End the session."""
        await self._auth.revoke_token(access_token)

    async def principal_from_token(self, access_token: str) -> Principal:
        """The caller a session belongs to, with role and grants as they are now.

        Raises:
            AuthenticationError: The token, the session or the account is not valid.
        """
        claims = await self._auth.validate_token(access_token)
        return await self._principal(
            claims.user_id, claims.organization_id, EntryPoint.SESSION, claims.session_id, frozenset(Scope)
        )

    async def renewed(self, principal: Principal) -> Principal:
        """The same caller later, with role and grants as they are now; for connections that stay open.

        Raises:
            AuthenticationError: The session or the account has ended meanwhile.
        """
        if principal.session_id is None or principal.session_id not in await self.live_sessions([principal]):
            raise AuthenticationError("The session has ended.", next_step="Sign in again.")
        return await self._principal(
            principal.user_id,
            principal.organization_id,
            principal.entry_point,
            principal.session_id,
            principal.scopes,
        )

    async def live_sessions(self, principals: Iterable[Principal]) -> frozenset[UUID]:
        """Which of these callers' sessions have not ended, in one query for each organisation."""
        wanted: dict[UUID, set[UUID]] = {}
        for principal in principals:
            if principal.session_id is not None:
                wanted.setdefault(principal.organization_id, set()).add(principal.session_id)
        live: set[UUID] = set()
        for organization_id, session_ids in wanted.items():
            async with self._database.transaction(organization_id) as session:
                live |= await AccountRepository(session).live_sessions(session_ids, datetime.now(UTC))
        return frozenset(live)

    async def principal_from_api_key(self, key: str) -> Principal:
        """The caller a key belongs to; it can do no more than its owner and its scopes.

        Raises:
            AuthenticationError: The key or its owner's account is not valid.
        """
        match = None
        if has_purpose(key, TokenPurpose.API_KEY):
            async with self._database.transaction(None) as session:
                match = await AccountRepository(session).find_api_key(digest(key))
        if match is None:
            raise AuthenticationError("The API key is not valid.", next_step="Make a new one.")
        async with self._database.transaction(match.organization_id) as session:
            row = await AccountRepository(session).get_key(match.key_id)
            if row is None:
                raise AuthenticationError("The API key is not valid.", next_step="Make a new one.")
            row.last_used_at = datetime.now(UTC)
            scopes = frozenset(Scope(str(scope)) for scope in row.scopes)
        return await self._principal(match.user_id, match.organization_id, EntryPoint.API_KEY, match.key_id, scopes)

    async def _principal(
        self, user_id: UUID, organization_id: UUID, entry: EntryPoint, session_id: UUID, scopes: frozenset[Scope]
    ) -> Principal:
        async with self._database.transaction(organization_id) as session:
            accounts = AccountRepository(session)
            try:
                user, _ = await accounts.get_user(user_id)
            except NotFoundError as error:
                raise AuthenticationError("The account is gone.", next_step="Ask an administrator.") from error
            groups, collections = await accounts.grants_of(user_id)
        if not user.is_active:
            raise AuthenticationError("The account is not active.", next_step="Ask an administrator.")
        return Principal(
            user_id=user.id,
            organization_id=organization_id,
            role=Role(user.role),
            email=user.email,
            scopes=scopes,
            group_ids=groups,
            collection_ids=collections,
            entry_point=entry,
            session_id=session_id,
        )

    async def _note_sign_in(self, tokens: TokenPair, client: ClientInfo, login: str = "") -> None:
        principal = await self.principal_from_token(tokens.access_token)
        async with self._database.transaction(principal.organization_id) as session:
            record(
                session,
                organization_id=principal.organization_id,
                user_id=principal.user_id,
                action="accessed",
                resource_type="session",
                resource_id=tokens.session_id,
                client=client,
                after={"login": login} if login else None,
            )

    # -- oneself

    async def me(self, principal: Principal) -> AccountView:
        """The caller's account."""
        async with self._database.transaction(principal.organization_id) as session:
            return _view(*await AccountRepository(session).get_user(principal.user_id))

    async def set_preferences(self, principal: Principal, preferences: Mapping[str, str | bool]) -> AccountView:
        """Change some preferences; the others stay.

        Raises:
            ValidationError: A key nobody knows.
        """
        unknown = set(preferences) - PREFERENCES
        if unknown:
            raise ValidationError(
                f"Unknown preference {', '.join(sorted(unknown))}.",
                next_step=f"Known ones are {', '.join(sorted(PREFERENCES))}.",
            )
        async with self._database.transaction(principal.organization_id) as session:
            user, organization = await AccountRepository(session).get_user(principal.user_id)
            user.preferences = {**user.preferences, **preferences}
            return _view(user, organization)

    # -- people

    async def list_users(self, principal: Principal) -> tuple[AccountView, ...]:
        """Everybody in the organisation; for administrators."""
        principal.require(Role.ADMIN, Scope.ADMIN)
        async with self._database.transaction(principal.organization_id) as session:
            return tuple(_view(*row) for row in await AccountRepository(session).list_users())

    async def create_user(
        self, principal: Principal, *, email: str, password: str, role: Role, client: ClientInfo
    ) -> AccountView:
        """Add a person.

        Raises:
            ValidationError: Address or password do not fit.
            ConflictError: The address has an account.
            QuotaError: The organisation is full.
        """
        principal.require(Role.ADMIN, Scope.ADMIN)
        principal.require(role, Scope.ADMIN)
        address = valid_email(email)
        hashed = await self._hash(password)
        async with self._database.transaction(principal.organization_id) as session:
            accounts = AccountRepository(session)
            organization = await session.get_one(Organization, principal.organization_id, with_for_update=True)
            if len(await accounts.list_users()) >= organization.max_users:
                raise QuotaError(
                    f"{organization.name} may have {organization.max_users} users, and has them.",
                    next_step=MORE_USERS,
                )
            if await accounts.find_credentials(address):
                raise ConflictError(f"{address} has an account already.")
            user = User(organization_id=organization.id, email=address, hashed_password=hashed, role=role.value)
            session.add(user)
            await session.flush()
            await session.refresh(user)
            record(
                session,
                organization_id=organization.id,
                user_id=principal.user_id,
                action="created",
                resource_type="user",
                resource_id=user.id,
                client=client,
                after={"role": role.value},
            )
            return _view(user, organization)

    async def set_role(self, principal: Principal, user_id: UUID, role: Role, *, client: ClientInfo) -> AccountView:
        """Give a person another role; the last administrator keeps theirs."""
        principal.require(role, Scope.ADMIN)
        return await self._change(principal, user_id, client, {"role": role.value})

    async def set_active(self, principal: Principal, user_id: UUID, active: bool, *, client: ClientInfo) -> AccountView:
        """Close or reopen an account; every kind of credential of a closed one stops working at once."""
        return await self._change(principal, user_id, client, {"is_active": active})

    async def _change(
        self, principal: Principal, user_id: UUID, client: ClientInfo, changes: dict[str, str | bool]
    ) -> AccountView:
        principal.require(Role.ADMIN, Scope.ADMIN)
        async with self._database.transaction(principal.organization_id) as session:
            accounts = AccountRepository(session)
            user, organization = await accounts.get_user(user_id)
            principal.require(Role(user.role), Scope.ADMIN)
            before = {key: getattr(user, key) for key in changes}
            for key, value in changes.items():
                setattr(user, key, value)
            await session.flush()
            if not await accounts.count_active_admins():
                raise ConflictError(
                    "This is the last active administrator.", next_step="Make somebody else administrator first."
                )
            record(
                session,
                organization_id=organization.id,
                user_id=principal.user_id,
                action="updated",
                resource_type="user",
                resource_id=user.id,
                client=client,
                before=before,
                after=dict(changes),
            )
            return _view(user, organization)

    async def _hash(self, password: str) -> str:
        self._rules.check(password)
        return await passwords.hash_password(password)


async def create_sign_in_link(database: Database, user: User) -> str:
    """A token that signs the user in once within a day; only its digest is kept."""
    token = new_token(TokenPurpose.SIGN_IN_LINK)
    async with database.transaction(user.organization_id) as session:
        session.add(
            SignInLink(
                organization_id=user.organization_id,
                user_id=user.id,
                token_hash=digest(token),
                expires_at=datetime.now(UTC) + LINK_LIFETIME,
            )
        )
    return token


def valid_email(email: str) -> str:
    """The address in lower case.

    Raises:
        ValidationError: It is none.
    """
    address = email.strip().lower()
    if len(address) > 254 or not _EMAIL.fullmatch(address):
        raise ValidationError(f"{address[:80]!r} is not an e-mail address.")
    return address


def _view(user: User, organization: Organization) -> AccountView:
    return AccountView(
        id=user.id,
        email=user.email,
        role=Role(user.role),
        is_active=user.is_active,
        organization_id=organization.id,
        organization_name=organization.name,
        preferences={key: value for key, value in user.preferences.items() if isinstance(value, str | bool)},
        last_login_at=user.last_login_at,
        created_at=user.created_at,
    )
