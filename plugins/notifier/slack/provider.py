"""How are messages sent to a channel of Slack?

Protocol: incoming webhooks (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks): JSON with
``text`` is posted to a secret address, which answers ``ok`` or a status with a word for the cause. A message may be at
most 40,000 signs long, and Slack knows no key against sending it twice.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from typing import Self

import httpx
from pydantic import Field, SecretStr, model_validator

from core.errors import ProviderError, ProviderUnavailableError
from core.types import Health, JsonValue
from plugins.interfaces import PluginContext
from plugins.notifier.delivery import (
    DeliveryOptions,
    LastWord,
    delivered,
    never_taken,
    require_text,
    tls_context,
    to_each,
)
from plugins.notifier.posting import post

SERVICE = "Slack"
MAX_SIGNS = 4000
"""What people read; Slack itself cuts off at ten times as much."""
_MEMBER = re.compile(r"[UW][A-Z0-9]{6,}")
_MARKS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_BOLD = str.maketrans({"*": "∗", "\r": " ", "\n": " "})
"""A star inside would end the bold; its twin looks the same."""


class SlackOptions(DeliveryOptions):
    """Options of the ``slack`` plugin.

    Attributes:
        webhook_url: Whoever knows it can post, so it is a secret; it belongs to one channel.
        allow_http: Plain HTTP, for a relay inside your own network.
    """

    webhook_url: SecretStr = Field(min_length=1)
    allow_http: bool = False

    @model_validator(mode="after")
    def _address_is_one(self) -> Self:
        schemes = ("https", "http") if self.allow_http else ("https",)
        try:
            url = httpx.URL(self.webhook_url.get_secret_value())
        except httpx.InvalidURL:
            url = httpx.URL("")
        if url.scheme not in schemes or not url.host:
            # The address itself must not be repeated.
            raise ValueError("webhook_url must be an address with https://, or http:// with allow_http")
        return self


class SlackNotifier:
    """One channel. A recipient that is a member id (``U012ABCDEF``) is mentioned, others are named."""

    Options = SlackOptions

    def __init__(self, options: SlackOptions, context: PluginContext) -> None:
        del context
        self._options = options
        self._transport: httpx.AsyncHTTPTransport | None = None
        self._last = LastWord()

    async def start(self) -> None:
        tls = await asyncio.to_thread(tls_context, self._options.ca_file)
        # Messages are rare: a connection kept for the next one would be dead by then.
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
        # Links of strangers are not fetched for a preview.
        content = {"text": text_of(recipient, subject, message), "unfurl_links": False, "unfurl_media": False}
        body = json.dumps(content).encode()
        await self._last.of(delivered(lambda: self._post(body), self._options, never_taken))

    async def send_batch(self, recipients: Sequence[str], subject: str, message: str) -> Mapping[str, str]:
        return await to_each(
            recipients,
            lambda recipient: self.send(recipient, subject, message),
            concurrency=self._options.concurrency,
        )

    async def _post(self, body: bytes) -> None:
        if self._transport is None:
            raise ProviderUnavailableError(f"{SERVICE} was not started, or was closed.")
        url, timeout_s = self._options.webhook_url.get_secret_value(), self._options.timeout_s
        answer = await post(self._transport, url, body, service=SERVICE, timeout_s=timeout_s, headers={})
        if answer.strip() != b"ok":
            raise ProviderError(
                f"{SERVICE} answered with something else than ok.", next_step="Check the address of the webhook."
            )


def text_of(recipient: str, subject: str, message: str) -> str:
    """The message in Slack's markup; nothing given here can become a link, a mention or a call to everybody."""
    whom = f"<@{recipient}>" if _MEMBER.fullmatch(recipient) else escaped(recipient.strip().translate(_BOLD))
    title = subject.strip().translate(_BOLD)
    lines = (whom, f"*{escaped(title)}*" if title else "", escaped(_cut(message)))
    return "\n".join(line for line in lines if line)


def escaped(text: str) -> str:
    """The three signs that Slack's markup is made of, as it wants them written."""
    return text.translate(_MARKS)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SIGNS else f"{text[: MAX_SIGNS - 1]}…"
