"""How does a SAML identity provider prove who somebody is?

Web browser profile of SAML 2.0: our request by redirect, the answer by a form that the browser posts.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import secrets
import time
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, NoReturn
from urllib.parse import urlencode, urlsplit
from xml.sax.saxutils import escape, quoteattr

import structlog

from core.errors import AuthenticationError, ConfigurationError, KnowledgeFoundryError, ProviderError
from core.types import Health, JsonValue, PluginStatus
from plugins.auth.fetching import fetch
from plugins.auth.saml.instants import written
from plugins.auth.saml.options import NAME_ID, SamlOptions
from plugins.interfaces import FederatedIdentity, LoginStart, PluginContext
from plugins.vendors.upstream import translated

if TYPE_CHECKING:
    from plugins.auth.saml.metadata import IdentityProvider
    from plugins.auth.saml.response import Assertion

log = structlog.get_logger(__name__)

SERVICE = "The identity provider"
_MAX_RESPONSE = 512_000
_SEEN = "foundry:saml:seen:"


class SamlLogin:
    """Sign-in through one identity provider."""

    Options = SamlOptions

    def __init__(self, options: SamlOptions, context: PluginContext) -> None:
        if context.redis is None:
            raise ConfigurationError(
                "The saml login needs a Redis, to know what was used.", next_step="Set redis.host."
            )
        self._options = options
        self._http = context.http
        self._redis = context.redis
        self._provider: IdentityProvider | None = None
        self._read_at = 0.0
        self._reading = asyncio.Lock()

    @property
    def protocol(self) -> Literal["oauth2", "saml"]:
        return "saml"

    @property
    def title(self) -> str:
        return self._options.title

    async def start(self) -> None:
        """Load the XML libraries; a provider that is away at the start may be there when somebody signs in."""
        await asyncio.to_thread(_load_libraries)
        if self._options.metadata:
            await self._identity_provider()

    async def close(self) -> None:
        """Nothing to release."""

    async def health_check(self) -> Health:
        try:
            await self._identity_provider()
            with translated("Redis"):
                await self._redis.exists(_SEEN)
        except KnowledgeFoundryError as error:
            return Health(PluginStatus.BROKEN, str(error))
        return Health(PluginStatus.HEALTHY)

    def metadata(self, callback_url: str) -> str:
        from plugins.auth.saml.metadata import our_metadata

        return our_metadata(self._entity_id(callback_url), callback_url)

    async def begin(self, callback_url: str, state: str) -> LoginStart:
        provider = await self._identity_provider()
        request_id = f"_{secrets.token_hex(20)}"
        request = _REQUEST.format(
            id=request_id,
            now=written(datetime.now(UTC)),
            destination=quoteattr(provider.sign_in_url),
            callback=quoteattr(callback_url),
            entity=escape(self._entity_id(callback_url)),
        )
        # saml-bindings-2.0-os, section 3.4.4.1: raw DEFLATE, then Base64, then URL encoding.
        packer = zlib.compressobj(wbits=-15)
        packed = base64.b64encode(packer.compress(request.encode()) + packer.flush()).decode()
        joint = "&" if urlsplit(provider.sign_in_url).query else "?"
        url = f"{provider.sign_in_url}{joint}{urlencode({'SAMLRequest': packed, 'RelayState': state})}"
        return LoginStart(url, {"request_id": request_id, "callback_url": callback_url})

    async def finish(self, params: Mapping[str, str], kept: Mapping[str, str]) -> FederatedIdentity:
        provider = await self._identity_provider()
        assertion = await asyncio.to_thread(self._read, _decoded(params.get("SAMLResponse", "")), provider, kept)
        await self._use_up(provider, assertion)
        return self._identity(provider, assertion)

    def _read(self, document: bytes, provider: IdentityProvider, kept: Mapping[str, str]) -> Assertion:
        from plugins.auth.saml.response import Expected, RefusedResponseError, read_response

        callback_url = kept["callback_url"]
        expected = Expected(
            provider=provider,
            entity_id=self._entity_id(callback_url),
            callback_url=callback_url,
            request_id=kept["request_id"],
            now=datetime.now(UTC),
            skew=timedelta(seconds=self._options.clock_skew_s),
        )
        try:
            return read_response(document, expected)
        except RefusedResponseError as error:
            _refuse(str(error), error)

    async def _use_up(self, provider: IdentityProvider, assertion: Assertion) -> None:
        """Each assertion once, in any process; remembered for as long as somebody could accept it."""
        digest = hashlib.sha256(f"{provider.entity_id}\n{assertion.id}".encode()).hexdigest()
        left = (assertion.ends_at - datetime.now(UTC)).total_seconds() + self._options.clock_skew_s
        with translated("Redis"):
            is_first = await self._redis.set(f"{_SEEN}{digest}", b"1", nx=True, ex=int(max(left, 0)) + 60)
        if not is_first:
            _refuse("replayed")

    def _identity(self, provider: IdentityProvider, assertion: Assertion) -> FederatedIdentity:
        from plugins.auth.saml.response import EMAIL, TRANSIENT

        claims: dict[str, JsonValue] = {name: list(values) for name, values in assertion.attributes.items()}
        claims.pop(NAME_ID, None)
        if assertion.subject_format == EMAIL:
            claims[NAME_ID] = assertion.subject
        subject = assertion.subject
        if self._options.subject_claim:
            subject = next(iter(assertion.attributes.get(self._options.subject_claim, [])), "")
        elif assertion.subject_format == TRANSIENT:
            # A new name at each sign-in would make a new person each time.
            _refuse("transient_subject")
        return self._options.mapping.identity(provider.entity_id, subject, claims)

    async def _identity_provider(self) -> IdentityProvider:
        async with self._reading:
            age = time.monotonic() - self._read_at
            if self._provider is None or (self._options.metadata_url and age > self._options.metadata_ttl_s):
                self._provider = await self._read_metadata()
                self._read_at = time.monotonic()
            return self._provider

    async def _read_metadata(self) -> IdentityProvider:
        from plugins.auth.saml.metadata import read_metadata

        document, options = self._options.metadata.strip().encode(), self._options
        if options.metadata_url:
            response = await fetch(
                self._http, "GET", options.metadata_url, service=SERVICE, timeout_s=options.timeout_s
            )
            if response.status_code != 200:
                raise ProviderError(f"{SERVICE} answered with status {response.status_code} instead of metadata.")
            document = response.content
        return await asyncio.to_thread(read_metadata, document, options.idp_entity_id, allow_http=options.allow_http)

    def _entity_id(self, callback_url: str) -> str:
        return self._options.entity_id or f"{callback_url.rpartition('/')[0]}/metadata"


_REQUEST = (
    '<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
    ' xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{id}" Version="2.0" IssueInstant="{now}"'
    " Destination={destination} AssertionConsumerServiceURL={callback}"
    ' ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST">'
    '<saml:Issuer>{entity}</saml:Issuer><samlp:NameIDPolicy AllowCreate="true"/></samlp:AuthnRequest>'
)


def _load_libraries() -> None:
    import plugins.auth.saml.response  # noqa: F401 - loads lxml and signxml, which are not needed before


def _decoded(text: str) -> bytes:
    if not text or len(text) > _MAX_RESPONSE:
        _refuse("no_response")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        _refuse("no_base64", error)


def _refuse(reason: str, cause: Exception | None = None) -> NoReturn:
    """Say the same to everybody, and the reason to the log."""
    log.warning("saml_response_refused", reason=reason)
    raise AuthenticationError(
        "The identity provider's answer was not accepted.", next_step="Start the sign-in again."
    ) from cause
