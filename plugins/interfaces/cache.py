"""What must a cache be able to do?"""

from __future__ import annotations

from typing import Protocol

from plugins.interfaces.plugin import Plugin


class CacheProvider(Plugin, Protocol):
    """Keeps bytes for a while; losing all of it at any moment must be harmless."""

    async def get(self, key: str) -> bytes | None:
        """The value, or None when absent or expired."""

    async def set(self, key: str, value: bytes, ttl_seconds: int) -> None:
        """Keep the value for so long."""

    async def delete(self, key: str) -> bool:
        """Forget it; whether it was there."""

    async def exists(self, key: str) -> bool:
        """Whether it is there."""

    async def clear(self, pattern: str) -> int:
        """Forget all keys that match the glob; how many."""
