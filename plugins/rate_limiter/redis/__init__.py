"""How are requests counted across processes? With a token bucket in Redis."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ConfigDict, Field

from core.errors import ConfigurationError, ProviderError, ProviderUnavailableError
from core.types import Health, PluginStatus
from plugins.interfaces import PluginContext, RateLimitDecision
from plugins.vendors.upstream import translated

if TYPE_CHECKING:
    from redis.asyncio import Redis

SERVICE = "Redis"
SCRIPT = (Path(__file__).parent / "token_bucket.lua").read_text(encoding="utf-8")
_DIGEST = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()  # the name Redis gives a script


class RedisRateLimiterOptions(BaseModel):
    """Options of the ``redis`` rate limiter; ``prefix`` keeps its keys apart from others in the same Redis."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefix: str = Field(default="foundry:limit:", min_length=1)


class RedisRateLimiter:
    """One call a decision; the clock is the server's, so that processes with different clocks agree."""

    Options = RedisRateLimiterOptions

    def __init__(self, options: RedisRateLimiterOptions, context: PluginContext) -> None:
        if context.redis is None:
            raise ConfigurationError("The redis rate limiter needs a Redis.", next_step="Set redis.host.")
        self._prefix = options.prefix
        self._redis: Redis = context.redis

    async def start(self) -> None:
        """Nothing to load: the script travels with the first call."""

    async def close(self) -> None:
        """The connection belongs to the application."""

    async def health_check(self) -> Health:
        try:
            with translated(SERVICE):
                await self._command("PING")
        except ProviderError as error:
            return Health(PluginStatus.BROKEN, str(error))
        return Health(PluginStatus.HEALTHY)

    async def check_rate_limit(self, key: str, limit: int, window_seconds: int) -> RateLimitDecision:
        allowed, remaining, wait_ms = await self._run(key, limit, window_seconds, take=1)
        return RateLimitDecision(bool(allowed), limit, remaining, wait_ms / 1000)

    async def get_remaining(self, key: str, limit: int, window_seconds: int) -> int:
        _, remaining, _ = await self._run(key, limit, window_seconds, take=0)
        return remaining

    async def reset(self, key: str) -> None:
        with translated(SERVICE):
            await self._redis.delete(self._prefix + key)

    @cached_property
    def _script_missing(self) -> type[Exception]:
        from redis.exceptions import NoScriptError

        return NoScriptError

    async def _run(self, key: str, limit: int, window_seconds: int, *, take: int) -> tuple[int, int, int]:
        arguments: tuple[Any, ...] = (1, self._prefix + key, limit, window_seconds, take)
        with translated(SERVICE):
            try:
                result = await self._command("EVALSHA", _DIGEST, *arguments)
            except self._script_missing:  # a Redis that was restarted or flushed; EVAL teaches it again
                result = await self._command("EVAL", SCRIPT, *arguments)
        if not isinstance(result, list) or len(result) != 3:
            raise ProviderUnavailableError(f"{SERVICE} answered something else than the script.")
        return cast("tuple[int, int, int]", tuple(result))

    async def _command(self, *arguments: Any) -> Any:
        # redis-py leaves its one general method untyped.
        return await self._redis.execute_command(*arguments)  # type: ignore[no-untyped-call]
