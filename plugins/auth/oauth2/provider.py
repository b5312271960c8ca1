"""How does an OpenID Connect issuer prove who somebody is?

Authorization code flow (OpenID Connect Core 1.0, section 3.1) with PKCE S256 (RFC 7636), as RFC 9700 asks for.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any, Literal, NoReturn
from urllib.parse import quote, urlencode, urlsplit

import structlog

from core.errors import AuthenticationError, KnowledgeFoundryError, ProviderError
from core.types import Health, PluginStatus
from plugins.auth.fetching import fetch
from plugins.auth.oauth2.id_token import RefusedTokenError, claims_of, header_of
from plugins.auth.oauth2.issuer import SERVICE, Configuration, Issuer
from plugins.auth.oauth2.options import OAuth2Options
from plugins.interfaces import FederatedIdentity, LoginStart, PluginContext

log = structlog.get_logger(__name__)


class OAuth2Provider:
    """Sign-in through one issuer."""

    Options = OAuth2Options

    def __init__(self, options: OAuth2Options, context: PluginContext) -> None:
        self._options = options
        self._http = context.http
        self._issuer = Issuer(options, context.http)

    @property
    def protocol(self) -> Literal["oauth2", "saml"]:
        return "oauth2"

    @property
    def title(self) -> str:
        return self._options.title

    async def start(self) -> None:
        """Nothing yet: an issuer that is away at the start may be there when somebody signs in."""

    async def close(self) -> None:
        """Nothing to release."""

    async def health_check(self) -> Health:
        try:
            await self._issuer.configuration()
        except KnowledgeFoundryError as error:
            return Health(PluginStatus.BROKEN, str(error))
        return Health(PluginStatus.HEALTHY)

    def metadata(self, callback_url: str) -> str:
        return ""

    async def begin(self, callback_url: str, state: str) -> LoginStart:
        configuration = await self._issuer.configuration()
        verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self._options.client_id,
            "redirect_uri": callback_url,
            "scope": " ".join(self._options.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        address = configuration.authorization_endpoint
        joint = "&" if urlsplit(address).query else "?"
        kept = {"verifier": verifier, "nonce": nonce, "callback_url": callback_url}
        return LoginStart(f"{address}{joint}{urlencode(query)}", kept)

    async def finish(self, params: Mapping[str, str], kept: Mapping[str, str]) -> FederatedIdentity:
        configuration = await self._issuer.configuration()
        self._check_answer(params, configuration)
        tokens = await self._exchange(configuration, params["code"], kept)
        claims = await self._claims(tokens, kept["nonce"])
        if self._options.userinfo and configuration.userinfo_endpoint:
            more = await self._userinfo(configuration.userinfo_endpoint, tokens, claims["sub"])
            claims = {**more, **claims}
        return self._options.mapping.identity(self._options.issuer, str(claims["sub"]), claims)

    def _check_answer(self, params: Mapping[str, str], configuration: Configuration) -> None:
        # RFC 9207: an answer that names its issuer must come from this one, or another could have our code.
        named = params.get("iss")
        if named is None and configuration.authorization_response_iss_parameter_supported:
            _refuse("issuer_not_named")
        if named is not None and named != self._options.issuer:
            _refuse("issuer_mixed_up")
        if params.get("error"):
            _refuse("denied_there")
        if not params.get("code"):
            _refuse("no_code")

    async def _exchange(self, configuration: Configuration, code: str, kept: Mapping[str, str]) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": kept["callback_url"],
            "code_verifier": kept["verifier"],
            "client_id": self._options.client_id,
        }
        headers = {"Accept": "application/json"}
        if self._options.client_secret is not None:
            secret = self._options.client_secret.get_secret_value()
            if self._options.token_auth == "post":
                form["client_secret"] = secret
            else:
                headers["Authorization"] = _basic(self._options.client_id, secret)
        response = await fetch(
            self._http,
            "POST",
            configuration.token_endpoint,
            service=SERVICE,
            timeout_s=self._options.timeout_s,
            headers=headers,
            form=form,
        )
        answer = _object(response.content, response.status_code)
        if response.status_code == 200:
            return answer
        if answer.get("error") == "invalid_grant":
            _refuse("code_not_accepted")
        if answer.get("error") in ("invalid_client", "unauthorized_client") or response.status_code in (401, 403):
            raise ProviderError(f"{SERVICE} does not accept our client.", next_step="Check client_id and secret.")
        raise ProviderError(f"{SERVICE} answered with status {response.status_code}.")

    async def _claims(self, tokens: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        token, access_token = tokens.get("id_token"), tokens.get("access_token", "")
        if not isinstance(token, str) or not isinstance(access_token, str):
            raise ProviderError(f"{SERVICE} sent no ID token.", next_step="Check that it speaks OpenID Connect.")
        try:
            key_id, algorithm = header_of(token, self._options)
            key = await self._issuer.key(key_id, algorithm)
            return claims_of(token, key, self._options, nonce=nonce, access_token=access_token)
        except RefusedTokenError as error:
            _refuse(str(error), error)
        except AuthenticationError as error:
            _refuse("unknown_key", error)

    async def _userinfo(self, url: str, tokens: Mapping[str, Any], subject: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {tokens.get('access_token', '')}", "Accept": "application/json"}
        response = await fetch(
            self._http, "GET", url, service=SERVICE, timeout_s=self._options.timeout_s, headers=headers
        )
        answer = _object(response.content, response.status_code)
        if response.status_code != 200:
            raise ProviderError(f"{SERVICE} answered with status {response.status_code}.")
        # OpenID Connect Core 1.0, section 5.3.2: the claims of anybody else must not be used.
        if answer.get("sub") != subject:
            _refuse("userinfo_of_another")
        return answer


def _basic(client_id: str, secret: str) -> str:
    # RFC 6749, section 2.3.1: both are form-encoded before they are joined.
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _object(content: bytes, status: int) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    raise ProviderError(f"{SERVICE} answered with something that is no JSON object (status {status}).")


def _refuse(reason: str, cause: Exception | None = None) -> NoReturn:
    """Say the same to everybody, and the reason to the log."""
    log.warning("oauth2_answer_refused", reason=reason)
    raise AuthenticationError(
        "The sign-in service's answer was not accepted.", next_step="Start the sign-in again."
    ) from cause
