"""Which sockets must be closed because their session has ended?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from uuid import UUID

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import KnowledgeFoundryError
from core.identity import Principal
from core.telemetry import METRICS
from services.accounts.accounts import AccountService

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 5.0
SESSION_ENDED = 4401


class OpenSockets:
    """Knows every open socket and the session it was opened with."""

    def __init__(self) -> None:
        self._ends: dict[asyncio.Event, Principal] = {}

    @contextmanager
    def enter(self, principal: Principal) -> Iterator[asyncio.Event]:
        """While a socket is open; the event is set when it must close."""
        end = asyncio.Event()
        self._ends[end] = principal
        METRICS.active_connections.inc()
        try:
            yield end
        finally:
            METRICS.active_connections.dec()
            del self._ends[end]

    def end_session(self, session_id: UUID | None) -> None:
        """Close the sockets of a session at once."""
        for end, principal in list(self._ends.items()):
            if principal.session_id == session_id:
                end.set()

    @asynccontextmanager
    async def watched(self, accounts: Callable[[], AccountService]) -> AsyncIterator[None]:
        """Look every few seconds whether sessions ended elsewhere: signed out, revoked, account closed."""
        watching = asyncio.create_task(self._watch(accounts))
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    async def _watch(self, accounts: Callable[[], AccountService]) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self._ends:
                continue
            try:
                live = await accounts().live_sessions(self._ends.values())
            except KnowledgeFoundryError as error:
                log.warning("socket_watch_skipped", reason=error.code)
                continue
            for end, principal in list(self._ends.items()):
                if principal.session_id not in live:
                    end.set()


async def serve_until(end: asyncio.Event, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a WebSocket; when ``end`` is set the application sees a disconnect and the browser a closed socket."""

    async def receive_or_end() -> Message:
        message = asyncio.ensure_future(receive())
        ended = asyncio.ensure_future(end.wait())
        try:
            await asyncio.wait({message, ended}, return_when=asyncio.FIRST_COMPLETED)
            if message.done():
                return message.result()
            await send({"type": "websocket.close", "code": SESSION_ENDED, "reason": "The session has ended."})
            return {"type": "websocket.disconnect", "code": SESSION_ENDED}
        finally:
            for task in (message, ended):
                if not task.done():
                    task.cancel()

    await app(scope, receive_or_end, send)
