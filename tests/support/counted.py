"""How do tests count what is let through?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
from redis.asyncio import Redis

from config.models import RateLimitingSettings
from core.errors import RateLimitError
from core.identity import Principal, Role
from plugins.interfaces import PluginContext
from plugins.rate_limiter.memory import MemoryRateLimiter
from plugins.rate_limiter.redis import RedisRateLimiter
from services.accounts.rate_limits import LimitService

EDITOR = Principal(uuid4(), uuid4(), Role.EDITOR, "e@alpha.example")
IP = "203.0.113.7"


async def allowed(limits: LimitService, principal: Principal | None, *, kind: str = "write", tries: int = 20) -> int:
    """How many requests in a row pass."""
    for number in range(tries):
        try:
            await limits.check(principal, ip=IP, kind="write" if kind == "write" else "read")
        except RateLimitError:
            return number
    return tries


@asynccontextmanager
async def counting_in(redis: Redis, *, rest_s: float = 60.0, **limits: object) -> AsyncIterator[LimitService]:
    """Limits counted in a Redis."""
    async with httpx.AsyncClient() as http:
        context = PluginContext(http=http, data_dir=Path("/nonexistent"), redis=redis)
        stand_in = MemoryRateLimiter(MemoryRateLimiter.Options(), context)
        settings = RateLimitingSettings.model_validate(limits)
        limiter = RedisRateLimiter(RedisRateLimiter.Options(), context)
        yield LimitService(limiter, settings, stand_in=stand_in, rest_s=rest_s)
