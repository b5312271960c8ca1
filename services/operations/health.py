"""Is everything that answers depends on well?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import text

from core.errors import KnowledgeFoundryError
from core.types import PluginStatus
from db.unit_of_work import Database
from plugins.framework.manager import PluginManager
from plugins.llm.routing.breaker import BreakerState
from plugins.llm.routing.router import Router
from services.views.operations import HealthItem, HealthReport

WORKER_SILENT = timedelta(seconds=30)
TIMEOUT_S = 5.0


class HealthService:
    """Health of stores, workers and plugins."""

    def __init__(
        self,
        database: Database,
        redis: Redis,
        plugins: PluginManager,
        router: Router,
        refused: Callable[[], str] = lambda: "",
    ) -> None:
        """``refused`` says why the newest settings are not in force; empty when they are."""
        self._database = database
        self._redis = redis
        self._plugins = plugins
        self._router = router
        self._refused = refused

    async def ready(self) -> HealthReport:
        """How the whole is. Ready means that questions are answered, perhaps not as well as usual."""
        postgres, redis, worker, states = await asyncio.gather(
            self._postgres(), self._redis_item(), self._worker(), self._plugins.check()
        )
        plugins = [
            HealthItem(name=s.name, kind=s.kind, status=s.status.value, detail=s.reason, latency_ms=s.latency_ms)
            for s in states
        ]
        items = (postgres, redis, worker, *self._settings(), *plugins, *self._breakers())
        embeds = any(item.kind == "embedding" and item.status == PluginStatus.HEALTHY for item in plugins)
        ready = postgres.status == PluginStatus.HEALTHY and embeds
        well = all(item.status == PluginStatus.HEALTHY for item in items)
        status = PluginStatus.HEALTHY if well else PluginStatus.DEGRADED if ready else PluginStatus.BROKEN
        return HealthReport(ready=ready, status=status.value, items=items)

    def _settings(self) -> list[HealthItem]:
        reason = self._refused()
        return [_item("settings", PluginStatus.DEGRADED, f"The newest are not in force: {reason}")] if reason else []

    def _breakers(self) -> list[HealthItem]:
        """Models that were called since the start; one that fails again and again is left alone for a while."""
        return [
            HealthItem(
                name=f"{state.provider}/{state.model}",
                kind="breaker",
                status=(PluginStatus.HEALTHY if state.breaker is BreakerState.CLOSED else PluginStatus.DEGRADED).value,
                detail="" if state.breaker is BreakerState.CLOSED else f"{state.breaker.value}: it failed repeatedly.",
            )
            for state in self._router.states()
        ]

    async def _postgres(self) -> HealthItem:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(TIMEOUT_S), self._database.transaction(None) as session:
                await session.execute(text("SELECT 1"))
        except (KnowledgeFoundryError, TimeoutError) as error:
            return _item("postgresql", PluginStatus.BROKEN, f"PostgreSQL does not answer. {error}".strip())
        return _item("postgresql", PluginStatus.HEALTHY, "", started)

    async def _redis_item(self) -> HealthItem:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._redis.ping()
        except (RedisError, OSError, TimeoutError):
            return _item(
                "redis",
                PluginStatus.DEGRADED,
                "Redis does not answer: uploads wait, limits are kept as rate_limiting.when_store_is_down says.",
            )
        return _item("redis", PluginStatus.HEALTHY, "", started)

    async def _worker(self) -> HealthItem:
        try:
            async with asyncio.timeout(TIMEOUT_S), self._database.transaction(None) as session:
                row = (await session.execute(text("SELECT * FROM worker_last_seen()"))).first()
        except (KnowledgeFoundryError, TimeoutError):
            return _item("worker", PluginStatus.DEGRADED, "Unknown while PostgreSQL does not answer.")
        if row is None or datetime.now(UTC) - row.last_seen_at > WORKER_SILENT:
            return _item("worker", PluginStatus.DEGRADED, "No worker is running: uploads wait until one is started.")
        return _item("worker", PluginStatus.HEALTHY, "")


def _item(name: str, status: PluginStatus, detail: str, started: float | None = None) -> HealthItem:
    latency = (time.perf_counter() - started) * 1000 if started else 0.0
    return HealthItem(name=name, kind="store", status=status.value, detail=detail, latency_ms=latency)
