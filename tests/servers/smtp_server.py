"""Which server stands in for a mail server? aiosmtpd 1.4, which speaks ESMTP (RFC 5321), STARTTLS and AUTH."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, Literal, Self

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers.hook_server import Fault

LOGIN, PASSWORD = "foundry", "very-secret-password"
NOT_HERE = "nobody@example.org"
"""The one recipient it does not know."""


@dataclass(frozen=True, slots=True)
class Received:
    """A mail that was taken or is being handed over."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    encrypted: bool
    signed_in: bool

    @property
    def mail(self) -> EmailMessage:
        parsed = message_from_bytes(self.content, policy=default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def text(self) -> str:
        return str(self.mail.get_content()).replace("\r\n", "\n")


class SmtpServer:
    """``faults`` are used up mail by mail, then ``fault`` holds.

    RATE_LIMITED is a 450 to the recipient (greylisting), BROKEN a 451 to the content, REFUSING a 550 to the recipient;
    STALLED and CUT come after the content, NONSENSE instead of the greeting.

    Attributes:
        posted: Every content that came to its end, whatever was said about it.
        taken: Those of them that were accepted.
        offers_tls: Whether STARTTLS is offered.
        goodbye: What follows QUIT; False hangs up without a word.
    """

    def __init__(
        self,
        security: Literal["starttls", "tls", "none"] = "starttls",
        *,
        authority: trustme.CA | None = None,
        name: str = "localhost",
        sign_in: bool = False,
    ) -> None:
        self.fault = Fault.NONE
        self.faults: list[Fault] = []
        self.posted: list[Received] = []
        self.taken: list[Received] = []
        self.gone = self.connections = self.asked = 0
        self.goodbye = True
        self.changed = asyncio.Condition()
        self.port = 0
        self._security = security
        self._sign_in = sign_in
        self._tls: ssl.SSLContext | None = None
        if authority is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(name).configure_cert(self._tls)
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.BaseTransport] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Listen on a free port of the loopback address."""
        tls = self._tls if self._security == "tls" else None
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, "127.0.0.1", 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Listen no more, and hang up."""
        if self._server is not None:
            self._server.close()
        for line in list(self._lines):
            line.close()
        # Closing is told to the protocols by the loop.
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def until_posted(self, count: int) -> None:
        """Wait until so many mails have come; at most 30 s."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: len(self.posted) >= count)

    async def until_gone(self, count: int) -> None:
        """Wait until so many senders have left before the answer; at most 30 s."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: self.gone >= count)

    def _protocol(self) -> asyncio.BaseProtocol:
        self.connections += 1
        if self.fault is Fault.NONSENSE:
            return _Babbler()
        implicit = self._security == "tls"
        return _Line(
            self,
            hostname="mail.test",
            tls_context=self._tls if self._security == "starttls" else None,
            auth_required=self._sign_in,
            # With TLS from the start the library does not know of it.
            auth_require_tls=not implicit,
            authenticator=self._authenticate,
            loop=asyncio.get_running_loop(),
        )

    def _authenticate(self, _: SMTP, __: Session, ___: Envelope, mechanism: str, given: Any) -> AuthResult:
        right = isinstance(given, LoginPassword) and given == LoginPassword(LOGIN.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)

    # -- what aiosmtpd asks at each step

    async def handle_RCPT(self, _: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        self.asked += 1
        fault = self.faults.pop(0) if self.faults else self.fault
        session.fault = fault  # type: ignore[attr-defined]  # a session may carry anything
        if fault is Fault.RATE_LIMITED:
            return "450 4.2.0 Greylisted, come again"
        if fault is Fault.REFUSING or address == NOT_HERE:
            return "550 5.1.1 No such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, line: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        received = Received(
            str(envelope.mail_from),
            tuple(envelope.rcpt_tos),
            content,
            session.ssl is not None or self._security == "tls",
            bool(session.authenticated),
        )
        async with self.changed:
            self.posted.append(received)
            self.changed.notify_all()
        match session.fault:  # type: ignore[attr-defined]
            case Fault.BROKEN:
                return "451 4.3.0 Try again later"
            case Fault.STALLED:
                await self._until_gone()
            case Fault.CUT:
                assert line.transport is not None
                line.transport.close()
                return "451 Gone"
        self.taken.append(received)
        return "250 OK: queued as 1"

    async def handle_QUIT(self, line: SMTP, session: Session, envelope: Envelope) -> str:
        if not self.goodbye:
            assert line.transport is not None
            line.transport.abort()  # type: ignore[attr-defined]
        return "221 Bye"

    async def _until_gone(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            async with self.changed:
                self.gone += 1
                self.changed.notify_all()


class _Line(SMTP):
    def __init__(self, server: SmtpServer, **options: Any) -> None:
        super().__init__(server, **options)
        self._lines = server._lines

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._lines.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._lines.clear()
        super().connection_lost(error)


class _Babbler(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"\x00\xffHTTP/1.1 200 OK\r\n\r\n")
