"""How are values kept within one process?"""

from __future__ import annotations

import time
from collections import OrderedDict
from fnmatch import fnmatchcase

from pydantic import BaseModel, ConfigDict, Field

from core.errors import ValidationError
from core.types import Health, PluginStatus
from plugins.interfaces import PluginContext


class MemoryCacheOptions(BaseModel):
    """Options of the ``memory`` cache.

    Attributes:
        max_size_bytes: Beyond it the values unused for longest are dropped; a larger single value is not kept at all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_size_bytes: int = Field(default=64 * 1024 * 1024, ge=1)


class MemoryCache:
    """Least recently used, bounded by bytes."""

    Options = MemoryCacheOptions

    def __init__(self, options: MemoryCacheOptions, context: PluginContext) -> None:
        del context
        self._max_size_bytes = options.max_size_bytes
        self._values: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._size_bytes = 0

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        self._values.clear()
        self._size_bytes = 0

    async def health_check(self) -> Health:
        return Health(PluginStatus.HEALTHY)

    async def get(self, key: str) -> bytes | None:
        if not self._is_there(key):
            return None
        self._values.move_to_end(key)
        return self._values[key][0]

    async def set(self, key: str, value: bytes, ttl_seconds: int) -> None:
        if ttl_seconds < 1:
            raise ValidationError(f"A value is kept for at least a second, not {ttl_seconds}.")
        self._forget(key)
        self._values[key] = (bytes(value), time.monotonic() + ttl_seconds)
        self._size_bytes += _size(key, value)
        while self._size_bytes > self._max_size_bytes:
            self._forget(next(iter(self._values)))

    async def delete(self, key: str) -> bool:
        was_there = self._is_there(key)
        self._forget(key)
        return was_there

    async def exists(self, key: str) -> bool:
        return self._is_there(key)

    async def clear(self, pattern: str) -> int:
        keys = [key for key in list(self._values) if fnmatchcase(key, pattern) and self._is_there(key)]
        for key in keys:
            self._forget(key)
        return len(keys)

    def _is_there(self, key: str) -> bool:
        if key in self._values and self._values[key][1] <= time.monotonic():
            self._forget(key)
        return key in self._values

    def _forget(self, key: str) -> None:
        value, _ = self._values.pop(key, (None, 0.0))
        if value is not None:
            self._size_bytes -= _size(key, value)


def _size(key: str, value: bytes) -> int:
    return len(key) + len(value)
