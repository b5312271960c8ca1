"""How does a server of the tests listen?"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from tests.support.waiting import until


@asynccontextmanager
async def listening(make: Callable[[str], ASGIApp]) -> AsyncIterator[str]:
    """Serve on a free port of the loopback address; yields that address, which the application is made for."""
    with loopback() as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with serving(make(address), listener):
            yield address


def loopback(port: int = 0) -> socket.socket:
    """A socket on a port of the loopback address; on a free one unless told."""
    # With the protocol named, asyncio switches Nagle's algorithm off, which would hold every answer back for 40 ms.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    # Connections of a server that ended a moment ago may still be closing.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


@asynccontextmanager
async def serving(application: ASGIApp, listener: socket.socket) -> AsyncIterator[uvicorn.Server]:
    """Serve until the block ends, and then stop at once."""
    server = uvicorn.Server(uvicorn.Config(application, ws="none", lifespan="off", log_level="critical"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await until(lambda: server.started)
        yield server
    finally:
        # Its own way out looks for its end every tenth of a second, and then waits for another.
        stop_listening(server)
        calls = list(server.server_state.tasks)
        for ended in (task, *calls):
            ended.cancel()
        await asyncio.gather(task, *calls, return_exceptions=True)


def stop_listening(server: uvicorn.Server) -> None:
    """What was sent arrives, connections close, nobody listens any more."""
    for listener in server.servers:
        listener.close()
    for connection in list(server.server_state.connections):
        connection.transport.close()
