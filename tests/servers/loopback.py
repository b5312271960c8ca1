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
    # With the protocol named, asyncio switches Nagle's algorithm off, which would hold every answer back for 40 ms.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            make(address), ws="none", lifespan="off", log_level="critical", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await until(lambda: server.started)
            yield address
        finally:
            server.should_exit = True
            await task
            for connection in list(server.server_state.connections):
                connection.transport.close()
