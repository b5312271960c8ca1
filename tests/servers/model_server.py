"""What do the local model servers share: listening, counting, misbehaving?"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.servers.loopback import loopback, serving, stop_listening

WORDS = ("Refunds ", "take ", "14 ", "days ", "[1].")


class Fault(StrEnum):
    """How the server misbehaves with every call, until told otherwise."""

    NONE = "none"
    RATE_LIMITED = "rate_limited"  # 429 with Retry-After: 7
    BROKEN = "broken"  # 500
    BAD_KEY = "bad_key"  # 401
    SILENT = "silent"  # no answer at all
    STALLED = "stalled"  # two words, then silence
    CUT = "cut"  # two words, then the connection ends
    ERROR_INSIDE = "error_inside"  # two words, then an error event
    NONSENSE = "nonsense"  # not JSON
    HELD = "held"  # two words, then nothing until ``release`` is set
    ENDLESS = "endless"  # words for as long as somebody listens
    REDIRECTED = "redirected"  # 307 to somewhere else
    NO_USAGE = "no_usage"  # says nothing about tokens


class Cut(Exception):
    """Raised inside a stream to end the connection without its proper end."""


class ModelServer(ABC):
    """A server in this process; ``opened``, ``finished`` and ``cancelled`` count calls for completions.

    Attributes:
        media_type: Of its streams.
        said: Words of its answers.
        bodies: What was asked, call by call.
        headers: Headers of the last request of any kind.
    """

    media_type = "text/event-stream"

    def __init__(self) -> None:
        self.fault = Fault.NONE
        self.said: Sequence[str] = WORDS
        self.opened = self.finished = self.cancelled = 0
        self.bodies: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}
        self.changed = asyncio.Condition()
        self.release = asyncio.Event()
        self.address = ""
        self._server: uvicorn.Server | None = None

    @abstractmethod
    def routes(self) -> list[Route]:
        """Paths of the protocol."""

    @abstractmethod
    def error(self, status: int, kind: str) -> dict[str, Any]:
        """An error body of the protocol."""

    @abstractmethod
    def events(self) -> AsyncIterator[str]:
        """The stream, event by event."""

    @abstractmethod
    def whole(self) -> dict[str, Any]:
        """The answer in one piece."""

    def asked(self, number: int) -> dict[str, Any]:
        """Model, longest answer and temperature of a call, whatever the protocol calls them."""
        body = self.bodies[number]
        longest = body.get("max_tokens", body.get("max_completion_tokens"))
        return {"model": body["model"], "max_tokens": longest, "temperature": body.get("temperature")}

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[Self]:
        """Listen on a port of the loopback address; on a free one unless told."""
        with loopback(port) as listener:
            self.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            async with serving(Starlette(routes=self.routes()), listener) as self._server:
                yield self

    def kill(self) -> None:
        """End like a killed process."""
        assert self._server is not None
        stop_listening(self._server)

    async def until_cancelled(self, count: int) -> None:
        """Wait until so many calls were ended by the other side; at most 30 s."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: self.cancelled >= count)

    async def until_finished(self, count: int) -> None:
        """Wait until so many calls were answered to their end; at most 30 s."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: self.finished >= count)

    async def until_opened(self, count: int) -> None:
        """Wait until so many calls have come; at most 30 s."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: self.opened >= count)

    async def complete(self, request: Request) -> Response:
        """Answer a call for a completion, or misbehave."""
        self.headers = dict(request.headers)
        body = await request.json()
        self.bodies.append(body)
        async with self.changed:
            self.opened += 1
            self.changed.notify_all()
        if (refusal := self._refusal()) is not None:
            return refusal
        if self.fault is Fault.SILENT:
            await self._until_gone(request)
            return Response(status_code=499)
        if body.get("stream"):
            return StreamingResponse(self._counted(), media_type=self.media_type)
        self.finished += 1
        return JSONResponse(self.whole())

    async def words(self) -> AsyncIterator[str]:
        """The words of the answer, with the fault in their midst."""
        while True:
            for number, word in enumerate(self.said):
                if number == 2 and self.fault is Fault.STALLED:
                    await asyncio.Event().wait()
                if number == 2 and self.fault is Fault.HELD:
                    await self.release.wait()
                if number == 2 and self.fault is Fault.CUT:
                    raise Cut
                yield word
            if self.fault is not Fault.ENDLESS:
                return
            yield " "
            await asyncio.sleep(0.001)

    def _refusal(self) -> Response | None:
        if self.fault is Fault.RATE_LIMITED:
            return JSONResponse(self.error(429, "rate_limit_error"), 429, headers={"Retry-After": "7"})
        if self.fault is Fault.BROKEN:
            return JSONResponse(self.error(500, "api_error"), 500)
        if self.fault is Fault.BAD_KEY:
            return JSONResponse(self.error(401, "authentication_error"), 401)
        if self.fault is Fault.REDIRECTED:
            return Response(status_code=307, headers={"Location": f"{self.address}/elsewhere"})
        if self.fault is Fault.NONSENSE:
            return Response("<html>not what you asked for</html>", media_type="application/json")
        return None

    async def _counted(self) -> AsyncIterator[str]:
        ended = False
        try:
            async for event in self.events():
                yield event
            ended = True
        except Cut:
            # The body ends without the protocol's last event.
            return
        finally:
            await self._count(ended)

    async def _count(self, ended: bool) -> None:
        async with self.changed:
            if ended:
                self.finished += 1
            else:
                self.cancelled += 1
            self.changed.notify_all()

    async def _until_gone(self, request: Request) -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        await self._count(False)


def event(data: dict[str, Any], name: str = "") -> str:
    """One server-sent event."""
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n"
