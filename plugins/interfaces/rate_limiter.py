"""What must a rate limiter be able to do?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from plugins.interfaces.plugin import Plugin


@dataclass(frozen=True, slots=True)
class RateLimitDecision:
    """A limiter's answer; true when the request may go on.

    Attributes:
        remaining: Requests left in the bucket.
        retry_after_s: Seconds until one more is allowed; 0.0 when allowed.
    """

    allowed: bool
    limit: int
    remaining: int
    retry_after_s: float

    def __bool__(self) -> bool:
        return self.allowed


class RateLimiter(Plugin, Protocol):
    """Counts requests per key (token bucket)."""

    async def check_rate_limit(self, key: str, limit: int, window_seconds: int) -> RateLimitDecision:
        """Take one token from the key's bucket of ``limit`` tokens refilled over ``window_seconds``."""

    async def get_remaining(self, key: str, limit: int, window_seconds: int) -> int:
        """Tokens left, without taking one."""

    async def reset(self, key: str) -> None:
        """Fill the bucket."""
