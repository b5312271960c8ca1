"""When is an ill plugin worth an alarm?

When it was ill at two looks in a row; likewise for the all-clear. Several workers look, and one of them tells: the
first to leave its mark in Redis, which also keeps a plugin that comes and goes from ringing all day.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.types import PluginStatus
from plugins.framework.manager import PluginState

log = structlog.get_logger(__name__)

LOOKS = 2
TOLD_S = 24 * 3600
"""So long it is remembered that something was told."""
SILENCE_S = 600
"""The same plugin is told of in the same sense once in so long."""
_MARK = "foundry:alarm:"

_Key = tuple[str, str]


async def claimed(redis: Redis, mark: str, *, seconds: int = TOLD_S) -> bool:
    """Whether this process is the first to tell something; told twice is better than not at all."""
    try:
        return bool(await redis.set(mark, 1, nx=True, ex=seconds))
    except (RedisError, OSError):
        return True


class HealthAlarms:
    """Alarms that come of comparing each look with those before.

    Args:
        check: Asks all plugins how they are.
        tell: Is told of those that got ill or well; must not wait.
    """

    def __init__(
        self, check: Callable[[], Awaitable[Sequence[PluginState]]], tell: Callable[[PluginState], None], redis: Redis
    ) -> None:
        self._check = check
        self._tell = tell
        self._redis = redis
        self._told_ill: set[_Key] = set()
        self._looks: dict[_Key, int] = {}

    async def look(self) -> None:
        """Ask, and tell what changed for good."""
        states = {(state.kind, state.name): state for state in await self._check()}
        self._told_ill &= states.keys()
        for key, state in states.items():
            ill = state.status is not PluginStatus.HEALTHY
            # Looks that contradict what was told last.
            self._looks[key] = 0 if ill is (key in self._told_ill) else self._looks.get(key, 0) + 1
            if self._looks[key] < LOOKS:
                continue
            self._looks[key] = 0
            (self._told_ill.add if ill else self._told_ill.discard)(key)
            log.warning("plugin_health_changed", kind=state.kind, plugin=state.name, status=state.status)
            if await self._first_to_know(key, ill=ill):
                self._tell(state)

    async def _first_to_know(self, key: _Key, *, ill: bool) -> bool:
        mark = f"{_MARK}{key[0]}/{key[1]}:{'ill' if ill else 'well'}"
        return await claimed(self._redis, mark, seconds=SILENCE_S)
