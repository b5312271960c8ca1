"""What must sessions of our own, and sign-ins at another service, be able to do?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable
from uuid import UUID

from core.identity import Role
from plugins.interfaces.plugin import Plugin


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token and the refresh token that renews it, with the moment the access token ends."""

    access_token: str
    refresh_token: str
    expires_at: datetime
    session_id: UUID


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a valid access token says; the account is looked up afresh on every request."""

    user_id: UUID
    organization_id: UUID
    session_id: UUID
    expires_at: datetime


class AuthProvider(Plugin, Protocol):
    """Proves who somebody is."""

    async def authenticate(self, credentials: Mapping[str, str]) -> TokenPair:
        """Exchange credentials (for ``jwt``: ``email`` and ``password``) for tokens.

        Raises:
            AuthenticationError: Unknown, wrong, inactive; always the same words and about the same time.
        """

    async def validate_token(self, token: str) -> TokenClaims:
        """Check signature, algorithm, lifetime, purpose and revocation.

        Raises:
            AuthenticationError: Not valid.
        """

    async def refresh_token(self, refresh_token: str) -> TokenPair:
        """Exchange a refresh token once; using it a second time revokes the whole session."""

    async def revoke_token(self, token: str) -> None:
        """End the session the token belongs to; unknown tokens are ignored."""


@dataclass(frozen=True, slots=True)
class LoginStart:
    """Where to send the browser, and what to keep until it comes back.

    Attributes:
        kept: Handed to ``finish`` once; secret, and never shown to the browser.
    """

    url: str
    kept: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FederatedIdentity:
    """Somebody another service vouches for, with their place among us as the settings map it.

    Attributes:
        issuer: Who vouches; together with ``subject`` it names the person for ever, which an e-mail address does not.
        organization: Id or exact name of the organisation.
        role_follows: Whether the role is what the other service says now; else only what a new account begins with.
        may_link: Whether this may become the sign-in of an account that exists with the same address.
    """

    issuer: str
    subject: str
    email: str
    organization: str
    role: Role
    role_follows: bool
    may_link: bool


@runtime_checkable
class FederatedLogin(Plugin, Protocol):
    """A plugin of the kind ``auth`` that lets another service prove who somebody is; the session afterwards is ours.

    The application makes the ``state`` that ties the answer to its question, keeps what ``begin`` returns, and hands it
    to ``finish`` at most once.
    """

    @property
    def protocol(self) -> Literal["oauth2", "saml"]:
        """Sync. Which of the two routes it is reached by."""

    @property
    def title(self) -> str:
        """Sync. What the button on the sign-in page says."""

    async def begin(self, callback_url: str, state: str) -> LoginStart:
        """Prepare a sign-in that comes back to ``callback_url`` with ``state``."""

    async def finish(self, params: Mapping[str, str], kept: Mapping[str, str]) -> FederatedIdentity:
        """Check the answer the browser brought.

        Args:
            params: Query or form of the answer, as untrusted as any.
            kept: What ``begin`` wanted kept.

        Raises:
            AuthenticationError: The answer proves nothing; always the same words, the cause is in the log.
            AuthorizationError: The person is known there and has no place here.
        """

    def metadata(self, callback_url: str) -> str:
        """Sync. What the other service wants to know about us, as XML; empty where the protocol has no such thing."""
