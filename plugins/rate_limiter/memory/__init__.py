"""How are requests counted within one process?"""

from __future__ import annotations

import time
from collections import OrderedDict

from pydantic import BaseModel, ConfigDict, Field

from core.types import Health, PluginStatus
from plugins.interfaces import PluginContext, RateLimitDecision


class MemoryRateLimiterOptions(BaseModel):
    """Options of the ``memory`` rate limiter; beyond ``max_keys`` the bucket unused for longest is forgotten."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_keys: int = Field(default=100_000, ge=1)


class MemoryRateLimiter:
    """The same bucket as in Redis; each process counts for itself."""

    Options = MemoryRateLimiterOptions

    def __init__(self, options: MemoryRateLimiterOptions, context: PluginContext) -> None:
        del context
        self._max_keys = options.max_keys
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        self._buckets.clear()

    async def health_check(self) -> Health:
        return Health(PluginStatus.HEALTHY)

    async def check_rate_limit(self, key: str, limit: int, window_seconds: int) -> RateLimitDecision:
        now, tokens = self._tokens(key, limit, window_seconds)
        allowed = tokens >= 1
        tokens -= 1 if allowed else 0
        self._buckets[key] = (tokens, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._max_keys:
            self._buckets.popitem(last=False)
        wait_s = 0.0 if allowed else (1 - tokens) * window_seconds / limit
        return RateLimitDecision(allowed, limit, int(tokens), wait_s)

    async def get_remaining(self, key: str, limit: int, window_seconds: int) -> int:
        return int(self._tokens(key, limit, window_seconds)[1])

    async def reset(self, key: str) -> None:
        self._buckets.pop(key, None)

    def _tokens(self, key: str, limit: int, window_seconds: int) -> tuple[float, float]:
        now = time.monotonic()
        tokens, at = self._buckets.get(key, (float(limit), now))
        return now, min(float(limit), tokens + (now - at) * limit / window_seconds)
