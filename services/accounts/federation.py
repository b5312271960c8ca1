"""How does somebody sign in through another service?

Three steps, so that one browser's sign-in cannot be finished in another: ``begin`` sends the browser away with a state
that is good once; ``answer`` checks what came back and gives a ticket; ``enter`` exchanges the ticket for a session,
and needs the browser that began. What is remembered between them lives in the cache: losing it means to start again.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import structlog
from pydantic import BaseModel, ConfigDict

from core.errors import AuthenticationError, KnowledgeFoundryError, NotFoundError, ProviderUnavailableError
from plugins.interfaces import CacheProvider, FederatedIdentity, FederatedLogin
from services.accounts.accounts import AccountService, TokenPair
from services.accounts.federated_accounts import FederatedAccounts
from services.audit import ClientInfo

log = structlog.get_logger(__name__)

FLOW_LIFETIME_S = 600
TICKET_LIFETIME_S = 60
_LAST_PART = {"oauth2": "callback", "saml": "acs"}
_Kept = TypeVar("_Kept", bound="Kept")


class Kept(BaseModel):
    """What the cache holds between two steps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    login: str
    return_to: str
    browser: str


class Flow(Kept):
    """A sign-in that was begun."""

    kept: dict[str, str]


class Ticket(Kept):
    """A sign-in whose answer was right."""

    identity: FederatedIdentity


@dataclass(frozen=True, slots=True)
class LoginChoice:
    """A button of the sign-in page."""

    protocol: str
    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Departure:
    """Where the browser goes, and what it must show when it comes back."""

    url: str
    browser: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody is in."""

    tokens: TokenPair
    return_to: str


class FederationService:
    """Sign-in through the federated logins of the settings."""

    def __init__(
        self,
        logins: Mapping[str, FederatedLogin],
        cache: CacheProvider | None,
        accounts: AccountService,
        people: FederatedAccounts,
        *,
        base_url: str,
    ) -> None:
        self._logins = logins
        self._cache = cache
        self._accounts = accounts
        self._people = people
        self._base_url = base_url.rstrip("/")

    def choices(self) -> tuple[LoginChoice, ...]:
        """Every login that runs, in the order of the settings."""
        return tuple(LoginChoice(login.protocol, name, login.title) for name, login in self._logins.items())

    def metadata(self, protocol: str, name: str) -> str:
        """What the other service wants to know about us.

        Raises:
            NotFoundError: No such login, or none that has metadata.
        """
        document = self._login(protocol, name).metadata(self._callback_url(protocol, name))
        if not document:
            raise NotFoundError("This sign-in has no metadata.")
        return document

    async def begin(self, protocol: str, name: str, *, return_to: str, browser: str = "") -> Departure:
        """Start a sign-in.

        Args:
            return_to: Own page to open afterwards; the caller checked that it is one.
            browser: What this browser was given before, so that two tabs can sign in side by side.

        Raises:
            NotFoundError: No such login.
            ProviderError: The service cannot be reached or understood.
        """
        login = self._login(protocol, name)
        state, browser = secrets.token_urlsafe(32), browser or secrets.token_urlsafe(32)
        start = await login.begin(self._callback_url(protocol, name), state)
        flow = Flow(login=f"{protocol}/{name}", return_to=return_to, browser=_digest(browser), kept=dict(start.kept))
        await self._keep(state, flow, FLOW_LIFETIME_S)
        return Departure(start.url, browser)

    async def answer(self, protocol: str, name: str, state: str, params: Mapping[str, str]) -> str:
        """Check what the browser brought; a ticket for ``enter``.

        Raises:
            AuthenticationError: Nobody began this, it was answered already, or the answer proves nothing.
            AuthorizationError: The person has no place here.
        """
        login = self._login(protocol, name)
        flow = await self._take(Flow, state)
        if flow is None or flow.login != f"{protocol}/{name}":
            raise _over()
        try:
            identity = await login.finish(params, flow.kept)
        except KnowledgeFoundryError as error:
            log.warning("federated_sign_in_refused", login=name, code=error.code)
            raise
        ticket = secrets.token_urlsafe(32)
        found = Ticket(login=name, return_to=flow.return_to, browser=flow.browser, identity=identity)
        await self._keep(ticket, found, TICKET_LIFETIME_S)
        return ticket

    async def enter(self, name: str, ticket: str, browser: str, *, client: ClientInfo) -> Arrival:
        """Open a session, in the browser that began the sign-in.

        Raises:
            AuthenticationError: Another browser, or the ticket was used or is too old.
            AuthorizationError: The account is closed, of another organisation, or there is no room for it.
        """
        found = await self._take(Ticket, ticket)
        if found is None or found.login != name or not secrets.compare_digest(found.browser, _digest(browser)):
            raise _over()
        try:
            user_id, organization_id = await self._people.resolve(found.identity, login=name, client=client)
        except KnowledgeFoundryError as error:
            log.warning("federated_sign_in_refused", login=name, code=error.code)
            raise
        tokens = await self._accounts.open_session(user_id, organization_id, client=client, login=name)
        log.info("federated_sign_in", login=name, user_id=str(user_id))
        return Arrival(tokens, found.return_to)

    def _login(self, protocol: str, name: str) -> FederatedLogin:
        login = self._logins.get(name)
        if login is None or login.protocol != protocol:
            raise NotFoundError("There is no such sign-in.")
        return login

    def _callback_url(self, protocol: str, name: str) -> str:
        # From the settings, not from the request: a forged Host header must not decide where codes are sent.
        return f"{self._base_url}/api/v1/auth/{protocol}/{name}/{_LAST_PART[protocol]}"

    def _store(self) -> CacheProvider:
        if self._cache is None:
            raise ProviderUnavailableError(
                "Signing in elsewhere needs a cache, and none runs.", next_step="Enable an entry in plugins.cache."
            )
        return self._cache

    async def _keep(self, secret: str, value: Kept, ttl_s: int) -> None:
        await self._store().set(_key(type(value), secret), value.model_dump_json().encode(), ttl_s)

    async def _take(self, kind: type[_Kept], secret: str) -> _Kept | None:
        """What was kept, for the first who asks."""
        value = await self._store().get(_key(kind, secret))
        if value is None or not await self._store().delete(_key(kind, secret)):
            return None
        return kind.model_validate_json(value)


def _key(kind: type[Kept], secret: str) -> str:
    return f"federation:{kind.__name__.lower()}:{_digest(secret)}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _over() -> AuthenticationError:
    return AuthenticationError("This sign-in is over or was begun elsewhere.", next_step="Start it again.")
