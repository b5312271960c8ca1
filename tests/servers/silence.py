"""How does a server leave calls unanswered, so that a test knows when they came and when they were given up?"""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response


class SilentServer:
    """Counts calls that it did not answer."""

    def __init__(self) -> None:
        self._opened = self._cancelled = 0
        self._changed = asyncio.Condition()

    async def until_opened(self, count: int) -> None:
        """Wait until so many calls have come; at most 30 s."""
        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(lambda: self._opened >= count)

    async def until_cancelled(self, count: int) -> None:
        """Wait until so many calls were given up by the other side; at most 30 s."""
        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(lambda: self._cancelled >= count)

    async def silence(self, request: Request) -> Response:
        """Say nothing until the other side gives up. The body must have been read."""
        async with self._changed:
            self._opened += 1
            self._changed.notify_all()
        while (await request.receive())["type"] != "http.disconnect":
            pass
        async with self._changed:
            self._cancelled += 1
            self._changed.notify_all()
        return Response(status_code=499)
