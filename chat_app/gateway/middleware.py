"""What happens to every request, whatever it asks? Pure ASGI: a wrapper per request would cost more than the route."""

from __future__ import annotations

import time
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chat_app.gateway.errors import TOO_LARGE, problem
from core.errors import DocumentError

log = structlog.get_logger(__name__)

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'self'; "
    "form-action 'self'",
}


class RequestLog:
    """Gives each request an id, logs it without its query, and adds the security headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, started, status = uuid4().hex, time.perf_counter(), 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, answer)
            finally:
                log.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    ms=round((time.perf_counter() - started) * 1000, 1),
                )


class SameOriginSockets:
    """Closes WebSockets that another site's page opens; cookies alone would let them in."""

    def __init__(self, app: ASGIApp, *, allowed: tuple[str, ...]) -> None:
        self._app = app
        self._allowed = frozenset(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            headers = Headers(scope=scope)
            origin = headers.get("origin", "")
            if origin and origin not in self._allowed and urlsplit(origin).netloc != headers.get("host"):
                await send({"type": "websocket.close", "code": 1008})
                return
        await self._app(scope, receive, send)


class BodyLimit:
    """Stops a request whose body is larger than its route can use, before anything of it is kept."""

    ORDINARY_BYTES = 2_000_000
    FORM_BYTES = 100_000
    """What a multipart form adds to the file in it."""
    PIECES = "/api/v1/uploads/"
    UPLOADS = frozenset({"/api/v1/documents", "/chat/project/file"})

    def __init__(self, app: ASGIApp, *, max_upload_bytes: int) -> None:
        self._app = app
        self._max_upload_bytes = max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = scope["path"] in self.UPLOADS or scope["path"].startswith(self.PIECES)
        limit = self._max_upload_bytes + self.FORM_BYTES if upload else self.ORDINARY_BYTES
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            await self._refuse(limit)(scope, receive, send)
            return
        await self._counted(limit, scope, receive, send)

    async def _counted(self, limit: int, scope: Scope, receive: Receive, send: Send) -> None:
        """Bodies that do not say how long they are, or lie about it."""
        seen = 0

        async def count() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise _too_large(limit)
            return message

        async def answer(message: Message) -> None:
            # Whatever the route made of the broken body, the caller is told the cause.
            if seen <= limit:
                await send(message)
            elif message["type"] == "http.response.start":
                await self._refuse(limit)(scope, receive, send)

        await self._app(scope, count, answer)

    def _refuse(self, limit: int) -> JSONResponse:
        error = _too_large(limit)
        return problem(413, error.code, error.message, error.next_step, failure_code=error.failure_code)


def _too_large(limit: int) -> DocumentError:
    return DocumentError(
        f"The request is larger than {limit / 1e6:.0f} MB.",
        failure_code=TOO_LARGE,
        next_step="Divide the file, or ask the operator to raise ingestion.max_file_size_mb.",
    )
