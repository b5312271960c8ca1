"""Are requests counted by what was asked for, in labels that callers cannot make?"""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.types import Receive, Scope, Send

from chat_app.gateway.request_metrics import TEMPLATE, RequestMetrics
from core.telemetry import METRICS


@pytest.fixture
def app() -> FastAPI:
    """Routes of each sort under the middleware."""
    router = APIRouter(prefix="/metrics-test")

    @router.get("/things/{thing_id}")
    async def thing(thing_id: str) -> str:
        return thing_id

    @router.get("/broken")
    async def broken() -> str:
        raise RuntimeError("broken")

    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        scope[TEMPLATE] = "/metrics-test/mounted/{file}"
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    made = FastAPI()
    made.include_router(router)
    made.mount("/mounted", mounted)
    made.add_middleware(RequestMetrics)
    return made


def counted(method: str, route: str, status: int) -> float:
    labels = {"method": method, "route": route, "status": str(status)}
    return METRICS.registry.get_sample_value("http_requests_total", labels) or 0.0


def timed(method: str, route: str) -> float:
    labels = {"method": method, "route": route}
    return METRICS.registry.get_sample_value("http_request_seconds_count", labels) or 0.0


@pytest.mark.parametrize(
    ("method", "path", "label", "status"),
    [
        ("GET", "/metrics-test/things/{id}", ("GET", "/metrics-test/things/{thing_id}"), 200),
        ("DELETE", "/metrics-test/things/{id}", ("DELETE", "/metrics-test/things/{thing_id}"), 405),
        ("GET", "/metrics-test/broken", ("GET", "/metrics-test/broken"), 500),
        ("GET", "/mounted/{id}.png", ("GET", "/metrics-test/mounted/{file}"), 204),
        ("GET", "/nowhere/{id}", ("GET", "other"), 404),
        ("BREW", "/nowhere/{id}", ("other", "other"), 404),
    ],
)
async def test_many_paths_and_methods_make_one_label(
    app: FastAPI, method: str, path: str, label: tuple[str, str], status: int
) -> None:
    count, seconds = counted(*label, status), timed(*label)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as web:
        for _ in range(3):
            answer = await web.request(method, path.replace("{id}", str(uuid4())))
            assert answer.status_code == status
    assert counted(*label, status) == count + 3
    assert timed(*label) == seconds + 3
