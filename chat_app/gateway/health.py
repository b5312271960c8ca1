"""Routes: does it live, is it ready, what does it count?"""

from __future__ import annotations

from fastapi import APIRouter, Response

from chat_app.gateway.authentication import App
from core.telemetry.exposition import MEDIA_TYPE, exposition
from services.views.operations import HealthReport

router = APIRouter(tags=["operations"])
metrics_router = APIRouter(tags=["operations"])
"""Left out where metrics are not offered."""


@router.get("/healthz")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def ready(services: App, response: Response) -> HealthReport:
    """Questions are answered; 503 when they are not."""
    report = await services.health.ready()
    response.status_code = 200 if report.ready else 503
    return report


@metrics_router.get("/metrics", response_class=Response)
async def metrics() -> Response:
    """Prometheus metrics."""
    return Response(exposition(), media_type=MEDIA_TYPE)
