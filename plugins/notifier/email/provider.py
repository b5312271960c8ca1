"""How is a mail handed to an SMTP server?

Protocol: RFC 5321 with STARTTLS (RFC 3207), TLS from the start (RFC 8314) and AUTH (RFC 4954). Each mail goes to one
recipient over a connection of its own: nobody sees the others, and a server that hangs up costs one mail.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from core.errors import ProviderError, ProviderUnavailableError, ValidationError
from core.types import Health, JsonValue, PluginStatus
from plugins.interfaces import PluginContext
from plugins.notifier.delivery import (
    DeliveryOptions,
    LastWord,
    delivered,
    distrusted,
    require_text,
    tls_context,
    to_each,
)
from plugins.notifier.email.composing import address_of, composed
from plugins.vendors.upstream import translated

if TYPE_CHECKING:
    from email.message import EmailMessage

    from aiosmtplib import SMTP

SERVICE = "The mail server"
CHECK_S = 4.0
"""A health check must end within 5 s."""
CHECKED_FOR_S = 60.0
"""Mail servers do not like to be signed in to every few seconds, so a check holds for so long."""
GOODBYE_S = 1.0


class EmailOptions(DeliveryOptions):
    """Options of the ``email`` plugin.

    Attributes:
        security: ``starttls`` begins in the clear and must then turn to TLS; ``tls`` is TLS from the start, mostly on
            port 465; ``none`` hides nothing and signs in to nothing.
        from_email: Address in From and of the envelope.
        sender_name: Shown beside it.
        smtp_user: Empty: without signing in.
    """

    smtp_host: str = Field(pattern=r"^[^\s/@]+$")
    smtp_port: int = Field(default=587, ge=1, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    from_email: str
    sender_name: str = Field(default="Knowledge Foundry", max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")

    @field_validator("from_email")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            return address_of(value).addr_spec
        except ValidationError as error:
            raise ValueError("a mail address such as foundry@example.org") from error

    @model_validator(mode="after")
    def _sign_in_is_whole_and_hidden(self) -> Self:
        if bool(self.smtp_user) is not bool(self.smtp_password.get_secret_value()):
            raise ValueError("smtp_user and smtp_password belong together")
        if self.smtp_user and self.security == "none":
            raise ValueError("a password is not sent in the clear: security must be starttls or tls")
        return self


class EmailNotifier:
    """Plain text to one mailbox at a time. Metadata is not sent."""

    Options = EmailOptions

    def __init__(self, options: EmailOptions, context: PluginContext) -> None:
        del context
        self._options = options
        self._tls: ssl.SSLContext | None = None
        self._last = LastWord()
        self._checked: tuple[float, Health] | None = None

    async def start(self) -> None:
        await asyncio.to_thread(importlib.import_module, "aiosmtplib")
        self._tls = await asyncio.to_thread(tls_context, self._options.ca_file)

    async def close(self) -> None:
        self._tls = None

    async def health_check(self) -> Health:
        """Signs in without sending anything; an answer holds for a minute."""
        if self._checked is None or time.monotonic() - self._checked[0] > CHECKED_FOR_S:
            self._checked = (time.monotonic(), await self._sign_in())
        found = self._checked[1]
        return self._last.health() if found.status is PluginStatus.HEALTHY else found

    async def send(
        self, recipient: str, subject: str, message: str, metadata: Mapping[str, JsonValue] | None = None
    ) -> None:
        require_text(subject, message)
        sender = address_of(self._options.from_email, self._options.sender_name)
        # A large text takes a while to encode.
        mail = await asyncio.to_thread(composed, sender, address_of(recipient), subject, message)
        attempt = _Attempt()
        await self._last.of(
            delivered(lambda: self._hand_over(mail, attempt), self._options, lambda _: not attempt.in_doubt),
            # An address that does not exist says nothing about the server.
            tells=lambda error: error.retryable or type(error.__cause__).__name__ != "SMTPRecipientRefused",
        )

    async def send_batch(self, recipients: Sequence[str], subject: str, message: str) -> Mapping[str, str]:
        return await to_each(
            recipients,
            lambda recipient: self.send(recipient, subject, message),
            concurrency=self._options.concurrency,
        )

    async def _hand_over(self, mail: EmailMessage, attempt: _Attempt) -> None:
        async with self._line(self._options.timeout_s) as smtp:
            await smtp.mail(mail["From"].addresses[0].addr_spec)
            await smtp.rcpt(mail["To"].addresses[0].addr_spec)
            content = await asyncio.to_thread(mail.as_bytes)
            # From here on silence may mean that the mail was taken; only a word of the server ends the doubt.
            attempt.in_doubt = True
            try:
                await smtp.data(content)
            except Exception as error:
                attempt.in_doubt = getattr(error, "code", 0) < 400
                raise

    async def _sign_in(self) -> Health:
        started = time.perf_counter()
        try:
            async with self._line(min(CHECK_S, self._options.timeout_s)) as smtp:
                await smtp.noop()
        except ProviderUnavailableError as error:
            return Health(PluginStatus.DEGRADED, str(error))
        except ProviderError as error:
            return Health(PluginStatus.BROKEN, str(error))
        return Health(PluginStatus.HEALTHY, latency_ms=(time.perf_counter() - started) * 1000)

    @asynccontextmanager
    async def _line(self, timeout_s: float) -> AsyncIterator[SMTP]:
        """A server that is ready for a mail; the block and what comes before it end within ``timeout_s``."""
        from aiosmtplib import SMTP

        if self._tls is None:
            raise ProviderUnavailableError(f"{SERVICE} was not started, or was closed.")
        options = self._options
        smtp = SMTP(
            hostname=options.smtp_host,
            port=options.smtp_port,
            # The machine's own name is nobody's business, and looking it up may take long.
            local_hostname=options.from_email.rpartition("@")[2],
            use_tls=options.security == "tls",
            start_tls=False,  # done below, where a server without it can be told apart
            tls_context=self._tls,
            timeout=timeout_s,
        )
        try:
            with translated(SERVICE):
                async with asyncio.timeout(timeout_s):
                    await self._open(smtp)
                    yield smtp
            await _say_goodbye(smtp)
        except ProviderError as error:
            if distrusted(error):
                raise ProviderError(
                    f"{SERVICE} shows a certificate that is not trusted.",
                    next_step="Check smtp_host; for a private authority set ca_file.",
                ) from error
            raise
        finally:
            smtp.close()

    async def _open(self, smtp: SMTP) -> None:
        await smtp.connect()
        await smtp.ehlo()
        if self._options.security == "starttls":
            if not smtp.supports_extension("starttls"):
                raise ProviderError(
                    f"{SERVICE} offers no STARTTLS; nothing was sent.",
                    next_step="Check smtp_host and smtp_port, or set security.",
                )
            await smtp.starttls()
        if self._options.smtp_user:
            await smtp.login(self._options.smtp_user, self._options.smtp_password.get_secret_value())


class _Attempt:
    """Whether the mail may have been taken although nobody said so."""

    in_doubt = False


async def _say_goodbye(smtp: SMTP) -> None:
    from aiosmtplib import SMTPException

    # The mail is delivered by then: a server that hangs up first has done its work.
    with contextlib.suppress(SMTPException):
        await smtp.quit(timeout=GOODBYE_S)
