"""How are values kept for all processes? In Redis."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from core.errors import ConfigurationError, ProviderError, ValidationError
from core.types import Health, PluginStatus
from plugins.interfaces import PluginContext
from plugins.vendors.upstream import translated

if TYPE_CHECKING:
    from redis.asyncio import Redis

SERVICE = "Redis"
_BATCH = 500


class RedisCacheOptions(BaseModel):
    """Options of the ``redis`` cache; ``prefix`` keeps its keys apart from others in the same Redis."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefix: str = Field(default="foundry:cache:", min_length=1)


class RedisCache:
    """Bytes under a prefix, each with its own end."""

    Options = RedisCacheOptions

    def __init__(self, options: RedisCacheOptions, context: PluginContext) -> None:
        if context.redis is None:
            raise ConfigurationError("The redis cache needs a Redis.", next_step="Set redis.host.")
        if context.redis.connection_pool.connection_kwargs.get("decode_responses"):
            raise ConfigurationError("The redis cache needs a client that leaves bytes as they are.")
        self._prefix = options.prefix
        self._redis: Redis = context.redis

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """The connection belongs to the application."""

    async def health_check(self) -> Health:
        try:
            with translated(SERVICE):
                await self._command("PING")
        except ProviderError as error:
            return Health(PluginStatus.BROKEN, str(error))
        return Health(PluginStatus.HEALTHY)

    async def get(self, key: str) -> bytes | None:
        with translated(SERVICE):
            value = await self._redis.get(self._prefix + key)
        return value.encode() if isinstance(value, str) else value

    async def set(self, key: str, value: bytes, ttl_seconds: int) -> None:
        if ttl_seconds < 1:
            raise ValidationError(f"A value is kept for at least a second, not {ttl_seconds}.")
        with translated(SERVICE):
            await self._redis.set(self._prefix + key, value, ex=ttl_seconds)

    async def delete(self, key: str) -> bool:
        with translated(SERVICE):
            return bool(await self._redis.delete(self._prefix + key))

    async def exists(self, key: str) -> bool:
        with translated(SERVICE):
            return bool(await self._redis.exists(self._prefix + key))

    async def clear(self, pattern: str) -> int:
        match = re.sub(r"([*?\[\]\\^])", r"\\\1", self._prefix) + pattern
        removed, cursor = 0, 0
        with translated(SERVICE):
            # SCAN and UNLINK: a large cache must not stop the server for everybody else.
            while True:
                cursor, keys = await self._redis.scan(cursor, match=match, count=_BATCH)
                if keys:
                    removed += int(await self._redis.unlink(*keys))
                if cursor == 0:
                    return removed

    async def _command(self, *arguments: Any) -> Any:
        # redis-py leaves its one general method untyped.
        return await self._redis.execute_command(*arguments)  # type: ignore[no-untyped-call]
