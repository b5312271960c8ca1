"""Where are the issuer's endpoints, and which keys does it sign with?

OpenID Connect Discovery 1.0 and JSON Web Key Sets (RFC 7517), both believed for a while.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
from jwt import PyJWK
from jwt.exceptions import PyJWTError
from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import AuthenticationError, ProviderError
from plugins.auth.fetching import fetch, is_protected
from plugins.auth.oauth2.options import OAuth2Options

SERVICE = "The sign-in service"
_KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}


class Configuration(BaseModel):
    """What of the discovery document is used."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    authorization_response_iss_parameter_supported: bool = False

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every endpoint that is there."""
        found = (self.authorization_endpoint, self.token_endpoint, self.jwks_uri, self.userinfo_endpoint)
        return tuple(address for address in found if address)


class Issuer:
    """The issuer of one entry."""

    def __init__(self, options: OAuth2Options, http: httpx.AsyncClient) -> None:
        self._options = options
        self._http = http
        self._configuration: Configuration | None = None
        self._configured_at = self._keyed_at = 0.0
        self._keys: list[dict[str, Any]] = []
        self._configuring, self._keying = asyncio.Lock(), asyncio.Lock()

    async def configuration(self) -> Configuration:
        """The discovery document.

        Raises:
            ProviderUnavailableError: The issuer is away.
            ProviderError: What it says is not a discovery document of this issuer.
        """
        async with self._configuring:
            if self._configuration is None or self._is_old(self._configured_at):
                self._configuration = await self._discovered()
                self._configured_at = time.monotonic()
            return self._configuration

    async def key(self, key_id: str | None, algorithm: str) -> PyJWK:
        """The key that a token names. An unknown one may be new, so it is looked for once more, but not at any rate.

        Raises:
            AuthenticationError: The issuer has no such key.
        """
        async with self._keying:
            if not self._keys or self._is_old(self._keyed_at):
                await self._fetch_keys()
            found = self._fitting(key_id, algorithm)
            if len(found) != 1 and time.monotonic() - self._keyed_at >= self._options.keys_cooldown_s:
                await self._fetch_keys()
                found = self._fitting(key_id, algorithm)
        if len(found) != 1:
            raise AuthenticationError("The token is signed with a key its issuer does not have.")
        try:
            return PyJWK(found[0], algorithm)
        except (PyJWTError, ValueError, TypeError) as error:
            raise ProviderError(f"{SERVICE} publishes a key that is none.") from error

    def _is_old(self, moment: float) -> bool:
        return time.monotonic() - moment > self._options.keys_ttl_s

    async def _discovered(self) -> Configuration:
        # OpenID Connect Discovery 1.0, section 4: the path is added to the issuer as it stands, less a last slash.
        document = await self._json(f"{self._options.issuer.rstrip('/')}/.well-known/openid-configuration")
        try:
            found = Configuration.model_validate(document)
        except ValidationError as error:
            raise ProviderError(f"{SERVICE} has no valid discovery document.") from error
        if found.issuer != self._options.issuer:
            raise ProviderError(f"{SERVICE} calls itself by another name.", next_step="Check issuer in the settings.")
        if not all(is_protected(address, allow_http=self._options.allow_http) for address in found.addresses):
            raise ProviderError(f"{SERVICE} names an address without TLS.")
        return found

    async def _fetch_keys(self) -> None:
        document = await self._json((await self.configuration()).jwks_uri)
        keys = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(keys, list):
            raise ProviderError(f"{SERVICE} has no valid key set.")
        self._keys = [key for key in keys if isinstance(key, dict)]
        self._keyed_at = time.monotonic()

    def _fitting(self, key_id: str | None, algorithm: str) -> list[dict[str, Any]]:
        return [
            key
            for key in self._keys
            if (key_id is None or key.get("kid") == key_id)
            and key.get("kty") == _KEY_TYPES[algorithm[:2]]
            and key.get("crv") in (_CURVES.get(algorithm), None)
            and key.get("alg") in (algorithm, None)
            and key.get("use") in ("sig", None)
        ]

    async def _json(self, url: str) -> Any:
        response = await fetch(self._http, "GET", url, service=SERVICE, timeout_s=self._options.timeout_s)
        if response.status_code != 200:
            raise ProviderError(f"{SERVICE} answered with status {response.status_code}.")
        try:
            return response.json()
        except ValueError as error:
            raise ProviderError(f"{SERVICE} answered with something that is not JSON.") from error
