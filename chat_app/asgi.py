"""How does the gateway run? ``python -m chat_app.asgi``"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import uvicorn
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from chat_app.gateway import errors, health
from chat_app.gateway.authentication import services_in
from chat_app.gateway.middleware import BodyLimit, RequestLog, SameOriginSockets
from chat_app.gateway.pages import own_files, sign_in
from chat_app.gateway.request_metrics import RequestMetrics
from chat_app.gateway.v1 import ROUTERS
from chat_app.ui.mount import mount_chat
from core.errors import KnowledgeFoundryError
from core.telemetry import configure_logging
from services.bootstrap import Services
from services.gateway_settings import GatewaySettings, gateway_settings
from services.reload import open_reloader

OpenServices = Callable[[], AbstractAsyncContextManager[Callable[[], Services]]]
"""Opens the application; what it yields gives the services in force."""


def create_app(settings: GatewaySettings, opened: OpenServices = open_reloader) -> FastAPI:
    """The application; services are opened when it starts and closed when it stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opened() as services:
            app.state.services = services
            async with sockets.watched(lambda: services().accounts):
                yield

    app = FastAPI(
        title=settings.name,
        version=settings.version,
        lifespan=lifespan,
        openapi_url="/api/v1/openapi.json",
        docs_url="/api/v1/docs",
        redoc_url=None,
    )
    app.state.settings = settings
    errors.install(app)
    for router in (health.router, sign_in.router, own_files.router, *ROUTERS):
        app.include_router(router)
    sockets = mount_chat(app, settings, lambda: services_in(app))
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(settings.allowed_origins),
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "X-API-Key", "X-CSRF-Token"],
        allow_credentials=False,
    )
    app.add_middleware(BodyLimit, max_upload_bytes=settings.max_upload_bytes)
    app.add_middleware(SameOriginSockets, allowed=settings.allowed_origins)
    app.add_middleware(RequestLog)
    if settings.metrics:
        app.include_router(health.metrics_router)
        app.add_middleware(RequestMetrics)
    return app


def main() -> int:
    """Serve until told to stop."""
    try:
        settings = gateway_settings()
        configure_logging(settings.log_level, settings.log_format, "chat", output=settings.log_output)
    except KnowledgeFoundryError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=20,
        server_header=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
