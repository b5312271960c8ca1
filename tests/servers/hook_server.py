"""Which server stands in for whoever takes posted messages?

Plain HTTP/1.1 by hand (RFC 9112), because it must also break its rules. ``SlackServer`` answers as Slack's incoming
webhooks do (docs.slack.dev as of 2025); ``HookServer`` as a receiver of Standard Webhooks 1.0.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class Fault(StrEnum):
    """How the server misbehaves, until told otherwise."""

    NONE = "none"
    RATE_LIMITED = "rate_limited"  # 429 with Retry-After
    BROKEN = "broken"  # 500
    REFUSING = "refusing"  # 404
    STALLED = "stalled"  # takes the message, says nothing
    DRIPPING = "dripping"  # headers, then a byte now and then for ever
    CUT = "cut"  # takes the message, closes
    NONSENSE = "nonsense"  # no HTTP
    ENDLESS = "endless"  # a body without end
    REDIRECTED = "redirected"  # 307 to another path of its own


@dataclass(frozen=True, slots=True)
class Posted:
    """A message that came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class HookServer:
    """``faults`` are used up call by call, then ``fault`` holds; ``gone`` counts callers who left before the answer."""

    fine = b""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.fault = Fault.NONE
        self.faults: list[Fault] = []
        self.retry_after = "0"
        self.posted: list[Posted] = []
        self.gone = self.connections = 0
        self.changed = asyncio.Condition()
        self.port = 0
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/services/T000/B000/very-secret"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Listen on a free port of the loopback address."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Listen no more, and hang up."""
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def until_posted(self, count: int) -> None:
        """Wait until so many messages have come; at most 30 s."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: len(self.posted) >= count)

    async def until_gone(self, count: int) -> None:
        """Wait until so many callers have left; at most 30 s."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: self.gone >= count)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the caller left, which ``gone`` counts where it matters
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        fault = self.faults.pop(0) if self.faults else self.fault
        async with self.changed:
            self.posted.append(Posted(first.split()[1], headers, body))
            self.changed.notify_all()
        match fault:
            case Fault.STALLED:
                await self._until_gone(reader)
            case Fault.CUT:
                return
            case Fault.NONSENSE:
                writer.write(b"\x00\xff220 what is it to you\r\n\r\n")
            case Fault.DRIPPING | Fault.ENDLESS:
                await self._pour(writer, fault)
            case _:
                writer.write(self._said(fault))
        await writer.drain()

    def _said(self, fault: Fault) -> bytes:
        match fault:
            case Fault.RATE_LIMITED:
                return _response("429 Too Many Requests", b"rate_limited", f"Retry-After: {self.retry_after}")
            case Fault.BROKEN:
                return _response("500 Internal Server Error", b"rollup_error")
            case Fault.REFUSING:
                return _response("404 Not Found", b"no_service")
            case Fault.REDIRECTED:
                return _response("307 Temporary Redirect", b"", "Location: /elsewhere")
        return _response("200 OK", self.fine)

    async def _pour(self, writer: asyncio.StreamWriter, fault: Fault) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(b"o" if fault is Fault.DRIPPING else b"o" * 65_536)
            await writer.drain()
            await asyncio.sleep(0.02 if fault is Fault.DRIPPING else 0)

    async def _until_gone(self, reader: asyncio.StreamReader) -> None:
        await reader.read()
        async with self.changed:
            self.gone += 1
            self.changed.notify_all()


class SlackServer(HookServer):
    """An incoming webhook: ``ok`` in plain text."""

    fine = b"ok"


def _response(status: str, body: bytes, *headers: str) -> bytes:
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers))
    return head.encode() + b"\r\n\r\n" + body
