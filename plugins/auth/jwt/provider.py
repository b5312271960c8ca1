"""How are access tokens made and checked?

Access tokens are JWTs (RFC 7519) of one algorithm, one issuer and one audience. Refresh tokens are random, kept
as digests, and change at each use; a used one that comes back ends the session (RFC 9700, section 4.14.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import jwt
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from core.errors import AuthenticationError, ConfigurationError
from core.security import passwords
from core.security.tokens import TokenPurpose, digest, new_token
from core.types import Health, PluginStatus
from plugins.interfaces import CredentialStore, PluginContext, StoredSession, TokenClaims, TokenPair

ISSUER = "knowledge-foundry"
PURPOSE = "access"
_REQUIRED = ["exp", "iat", "iss", "aud", "sub", "org", "sid"]


class JwtOptions(BaseModel):
    """Lifetimes and the signing key; the key signs nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret_key: SecretStr = Field(min_length=32)
    algorithm: Literal["HS256", "HS384", "HS512"] = "HS256"
    access_minutes: int = Field(default=60, ge=1, le=24 * 60)
    refresh_days: int = Field(default=30, ge=1, le=365)


class JWTAuthProvider:
    """E-mail and password against our own accounts."""

    Options = JwtOptions

    def __init__(self, options: JwtOptions, context: PluginContext) -> None:
        if context.credentials is None:
            raise ConfigurationError("The jwt login needs the account store.", next_step="Build it with one.")
        self._options = options
        self._store: CredentialStore = context.credentials

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to release."""

    async def health_check(self) -> Health:
        """Signs and reads a token."""
        token = self._sign(StoredSession(UUID(int=0), UUID(int=0), UUID(int=0)), datetime.now(UTC))
        self._read(token)
        return Health(PluginStatus.HEALTHY)

    async def authenticate(self, credentials: Mapping[str, str]) -> TokenPair:
        account = await self._store.find_credentials(credentials.get("email", "").strip().lower())
        hashed = account.hashed_password if account else None
        matches = await passwords.verify(credentials.get("password", ""), hashed)
        if account is None or not matches or not account.is_active:
            raise AuthenticationError("E-mail or password is wrong.", next_step="Check both and try again.")
        return await self.open_session(
            account.user_id,
            account.organization_id,
            ip_address=credentials.get("ip_address"),
            user_agent=credentials.get("user_agent"),
        )

    async def open_session(
        self, user_id: UUID, organization_id: UUID, *, ip_address: str | None, user_agent: str | None
    ) -> TokenPair:
        """Tokens for somebody whose identity was proved in another way, such as a sign-in link."""
        refresh = new_token(TokenPurpose.REFRESH)
        session = await self._store.create_session(
            user_id,
            organization_id,
            refresh_digest=digest(refresh),
            expires_at=datetime.now(UTC) + timedelta(days=self._options.refresh_days),
            ip_address=ip_address,
            user_agent=user_agent,
        )
        return self._pair(session, refresh)

    async def validate_token(self, token: str) -> TokenClaims:
        claims = self._read(token)
        if not await self._store.is_session_live(claims.session_id, claims.organization_id):
            raise AuthenticationError("The session has ended.", next_step="Sign in again.")
        return claims

    async def refresh_token(self, refresh_token: str) -> TokenPair:
        refresh = new_token(TokenPurpose.REFRESH)
        session = await self._store.rotate_session(
            digest(refresh_token),
            new_digest=digest(refresh),
            expires_at=datetime.now(UTC) + timedelta(days=self._options.refresh_days),
        )
        if session is None:
            raise AuthenticationError("The session has ended.", next_step="Sign in again.")
        return self._pair(session, refresh)

    async def revoke_token(self, token: str) -> None:
        try:
            claims = self._read(token, verify_expiry=False)
        except AuthenticationError:
            return
        await self._store.revoke_session(claims.session_id, claims.organization_id)

    def _pair(self, session: StoredSession, refresh: str) -> TokenPair:
        now = datetime.now(UTC)
        expires_at = now + timedelta(minutes=self._options.access_minutes)
        return TokenPair(self._sign(session, now), refresh, expires_at, session.session_id)

    def _sign(self, session: StoredSession, now: datetime) -> str:
        payload = {
            "iss": ISSUER,
            "aud": PURPOSE,
            "iat": now,
            "exp": now + timedelta(minutes=self._options.access_minutes),
            "sub": str(session.user_id),
            "org": str(session.organization_id),
            "sid": str(session.session_id),
        }
        return jwt.encode(payload, self._options.secret_key.get_secret_value(), algorithm=self._options.algorithm)

    def _read(self, token: str, *, verify_expiry: bool = True) -> TokenClaims:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._options.secret_key.get_secret_value(),
                algorithms=[self._options.algorithm],
                audience=PURPOSE,
                issuer=ISSUER,
                options={"require": _REQUIRED, "verify_exp": verify_expiry},
            )
            return TokenClaims(
                user_id=UUID(claims["sub"]),
                organization_id=UUID(claims["org"]),
                session_id=UUID(claims["sid"]),
                expires_at=datetime.fromtimestamp(claims["exp"], UTC),
            )
        except jwt.ExpiredSignatureError as error:
            raise AuthenticationError("The session has expired.", next_step="Sign in again.") from error
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError) as error:
            raise AuthenticationError("The token is not valid.", next_step="Sign in again.") from error
