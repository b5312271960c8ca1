"""How is a program of somebody else told, safely for both sides?"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from uuid import uuid4

import httpx
from pydantic import Field, SecretStr, field_validator, model_validator

from core.errors import ProviderError, ProviderUnavailableError
from core.security.outbound import is_public, resolve
from core.types import Health, JsonValue
from plugins.interfaces import PluginContext
from plugins.notifier.delivery import DeliveryOptions, LastWord, delivered, require_text, tls_context, to_each
from plugins.notifier.posting import post
from plugins.notifier.webhook.signing import key_of, signed_headers
from plugins.vendors.upstream import translated

SERVICE = "The webhook"
EVENT = "event"
"""Key of the metadata that becomes the type of the message."""
_TYPE = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
_PORTS = {"https": 443, "http": 80}


class WebhookOptions(DeliveryOptions):
    """Options of the ``webhook`` plugin.

    Attributes:
        url: Where messages are posted.
        secret: Signs them: ``whsec_`` and 24 to 64 random bytes in base64, known to the receiver too.
        previous_secret: Signs them as well while receivers change over to a new one.
        allow_http: Plain HTTP; everybody on the way can read along.
        allow_private: Addresses of this machine and of private networks.
    """

    url: str = Field(pattern=r"^https?://[^\s/?#@]+[^\s#]*$")
    secret: SecretStr
    previous_secret: SecretStr | None = None
    allow_http: bool = False
    allow_private: bool = False

    @field_validator("secret", "previous_secret")
    @classmethod
    def _is_a_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            key_of(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _address_is_protected(self) -> WebhookOptions:
        try:
            url = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise ValueError("url is no address") from error
        if not url.host or url.userinfo or (url.scheme != "https" and not self.allow_http):
            raise ValueError("url needs https://, or allow_http, and no name or password before the host")
        return self

    @cached_property
    def keys(self) -> tuple[bytes, ...]:
        """The keys, the current one first."""
        secrets = (self.secret, self.previous_secret)
        return tuple(key_of(secret.get_secret_value()) for secret in secrets if secret is not None)


class WebhookNotifier:
    """One receiver; it learns from the message for whom it is.

    The same message may come twice, under the same ``webhook-id``: receivers must know the ids they have seen.
    """

    Options = WebhookOptions

    def __init__(self, options: WebhookOptions, context: PluginContext) -> None:
        del context
        self._options = options
        self._url = httpx.URL(options.url)
        self._transport: httpx.AsyncHTTPTransport | None = None
        self._last = LastWord()

    async def start(self) -> None:
        tls = await asyncio.to_thread(tls_context, self._options.ca_file)
        # No connection is kept: each message goes to an address that was judged for it.
        self._transport = httpx.AsyncHTTPTransport(verify=tls, limits=httpx.Limits(max_keepalive_connections=0))

    async def close(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()

    async def health_check(self) -> Health:
        return self._last.health()

    async def send(
        self, recipient: str, subject: str, message: str, metadata: Mapping[str, JsonValue] | None = None
    ) -> None:
        require_text(subject, message)
        body = body_of(recipient, subject, message, metadata or {}, datetime.now(UTC))
        message_id = f"msg_{uuid4().hex}"
        # Its id makes every attempt the same message.
        await self._last.of(delivered(lambda: self._attempt(message_id, body), self._options, lambda _: True))

    async def send_batch(self, recipients: Sequence[str], subject: str, message: str) -> Mapping[str, str]:
        return await to_each(
            recipients,
            lambda recipient: self.send(recipient, subject, message),
            concurrency=self._options.concurrency,
        )

    async def _attempt(self, message_id: str, body: bytes) -> None:
        if self._transport is None:
            raise ProviderUnavailableError(f"{SERVICE} was not started, or was closed.")
        headers = signed_headers(message_id, int(time.time()), body, self._options.keys)
        with translated(SERVICE):
            async with asyncio.timeout(self._options.timeout_s):
                await self._post(self._transport, body, headers)

    async def _post(self, transport: httpx.AsyncBaseTransport, body: bytes, headers: Mapping[str, str]) -> None:
        """Post to the first of the judged addresses that takes a connection."""
        url = self._url
        name = url.raw_host.decode("ascii")
        addresses = await self._addresses(name, url.port or _PORTS[url.scheme])
        for number, address in enumerate(addresses, start=1):
            try:
                await post(
                    transport,
                    url.copy_with(host=address),
                    body,
                    service=SERVICE,
                    timeout_s=self._options.timeout_s,
                    headers={"Host": url.netloc.decode("ascii"), **headers},
                    server_name=name if name != address else "",
                )
            except ProviderUnavailableError as error:
                if number == len(addresses) or not isinstance(error.__cause__, httpx.ConnectError):
                    raise
            else:
                return

    async def _addresses(self, host: str, port: int) -> tuple[str, ...]:
        addresses = await resolve(host, port)
        # One that is not public condemns the others: no honest name has both.
        if not self._options.allow_private and not all(is_public(address) for address in addresses):
            raise ProviderError(
                f"{SERVICE} lies in a private network or on this machine, where messages are not sent.",
                next_step="Name another address, or set allow_private.",
            )
        return addresses


def body_of(recipient: str, subject: str, message: str, metadata: Mapping[str, JsonValue], moment: datetime) -> bytes:
    """The JSON that is signed; ``type`` is the event that the metadata names."""
    event = metadata.get(EVENT)
    known = isinstance(event, str) and _TYPE.fullmatch(event)
    data: dict[str, JsonValue] = {
        "recipient": recipient,
        "subject": subject,
        "message": message,
        "metadata": dict(metadata),
    }
    content = {"type": event if known else "notification", "timestamp": moment.isoformat(), "data": data}
    return json.dumps(content, ensure_ascii=False).encode("utf-8", errors="replace")
