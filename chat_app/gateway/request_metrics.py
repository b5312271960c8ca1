"""How many requests come, to which routes, and how long do they take?"""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.telemetry import METRICS

TEMPLATE = "foundry.route"
"""Where an application that is mounted here, and routes by itself, leaves its template in the scope."""
OTHER = "other"
"""Route of what no route of ours takes, and method that HTTP does not know: callers must not be able to make labels."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """Counts each request under the template of its route, never under its path. Pure ASGI, outermost."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # What raises becomes a 500 further out.
        started, status = time.perf_counter(), 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else OTHER
            route = _template(scope)
            METRICS.http_requests.labels(method, route, str(status)).inc()
            METRICS.http_latency.labels(method, route).observe(time.perf_counter() - started)


def _template(scope: Scope) -> str:
    """Routing leaves it in the scope, which all layers share."""
    return str(scope.get(TEMPLATE) or getattr(scope.get("route"), "path", OTHER))
