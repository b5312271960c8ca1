"""Which server answers for Chroma in the tests? Chroma's own, as its package ships it, behind a door that misbehaves.

The REST interface is version 2 of Chroma 1.5. All tests of a run share the process and keep apart by prefixes.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.servers.loopback import listening
from tests.servers.silence import SilentServer
from tests.support.waiting import until_now

KEY = "chroma-test-key"
RETRY_AFTER_S = 7


class Fault(StrEnum):
    """How the door misbehaves with every call, until told otherwise."""

    NONE = "none"
    RATE_LIMITED = "rate_limited"  # 429 with Retry-After: 7
    BROKEN = "broken"  # 500
    BAD_KEY = "bad_key"  # 401
    SILENT = "silent"  # no answer at all
    CUT = "cut"  # the connection ends amid the answer
    NONSENSE = "nonsense"  # 200 with something else
    EMPTY = "empty"  # 200 without a result
    FOREIGN = "foreign"  # leaves filters out


@contextmanager
def chroma_process(folder: Path) -> Iterator[str]:
    """A Chroma server of its own process on a free port of the loopback address; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    binary = Path(sys.executable).with_name("chroma")
    with (folder / "chroma.log").open("wb") as log:
        process = subprocess.Popen(
            [binary, "run", "--host", "127.0.0.1", "--port", str(port), "--path", folder / "data"],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            # It takes its settings from the environment too.
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        )
    try:
        _await_answer(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _await_answer(address: str, process: subprocess.Popen[bytes]) -> None:
    def answers() -> bool:
        assert process.poll() is None, "the server ended"
        with suppress(httpx.TransportError):
            httpx.get(f"{address}/api/v2/heartbeat", timeout=5).raise_for_status()
            return True
        return False

    until_now(answers, every_s=0.05)


class ChromaDoor(SilentServer):
    """Stands before the server in this process, passes calls on and remembers them.

    Attributes:
        calls: ``METHOD operation`` in order, the operation being the last part of the path.
        bodies: JSON bodies, one for each call that had one.
        headers: Of the last call.
        version: What it says the version is; empty to let the server speak.
        batch: What it says the largest batch is; 0 to let the server speak.
    """

    def __init__(self, behind: str) -> None:
        super().__init__()
        self.behind = behind
        self.address = ""
        self.fault = Fault.NONE
        self.calls: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}
        self.version = ""
        self.batch = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Listen on a free port of the loopback address."""
        routes = [Route("/{path:path}", self._answer, methods=["GET", "POST", "DELETE"])]
        async with (
            httpx.AsyncClient(timeout=60) as self._http,
            listening(lambda _: Starlette(routes=routes)) as address,
        ):
            self.address = address
            yield self

    def misbehave(self, fault: str) -> None:
        """Answer every call with this fault from now on; ``none`` ends it."""
        self.fault = Fault(fault)

    async def _answer(self, request: Request) -> Response:
        operation = request.url.path.rpartition("/")[2]
        self.calls.append(f"{request.method} {operation}")
        self.headers = dict(request.headers)
        content = await request.body()
        if content:
            self.bodies.append(json.loads(content))
        if (misbehaviour := await self._misbehave(request)) is not None:
            return misbehaviour
        if self.fault is Fault.FOREIGN and content:
            content = json.dumps({key: value for key, value in self.bodies[-1].items() if key != "where"}).encode()
        if operation == "version" and self.version:
            return JSONResponse(self.version)
        if operation == "pre-flight-checks" and self.batch:
            return JSONResponse({"max_batch_size": self.batch, "supports_base64_encoding": True})
        answer = await self._http.request(request.method, f"{self.behind}{request.url.path}", content=content)
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))

    async def _misbehave(self, request: Request) -> Response | None:
        match self.fault:
            case Fault.RATE_LIMITED:
                return _error(429, "RateLimitError", {"Retry-After": str(RETRY_AFTER_S)})
            case Fault.BROKEN:
                return _error(500, "InternalError")
            case Fault.BAD_KEY:
                return _error(401, "AuthorizationError")
            case Fault.NONSENSE:
                return Response("<html>not what you asked for</html>", media_type="application/json")
            case Fault.EMPTY:
                return JSONResponse(None)
            case Fault.CUT:
                return Response(b'{"ids', headers={"Content-Length": "1000"})
            case Fault.SILENT:
                return await self.silence(request)
            case _:
                return None


def _error(status: int, kind: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": kind, "message": "as the test wants it"}, status, headers=headers)
