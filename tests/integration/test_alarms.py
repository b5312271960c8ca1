"""Does an ill plugin raise an alarm once, and only when it is really ill?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from redis.asyncio import Redis

from core.types import PluginStatus
from plugins.framework.manager import PluginState
from services.worker.plugin_alarms import LOOKS, HealthAlarms

WELL, ILL, DEAD = PluginStatus.HEALTHY, PluginStatus.DEGRADED, PluginStatus.BROKEN


class Ward:
    """Plugins whose states are given look by look; ``told`` is what was heard."""

    def __init__(self, redis: Redis) -> None:
        self.told: list[PluginStatus] = []
        self._now: Sequence[PluginState] = ()
        self._alarms = HealthAlarms(self._check, lambda state: self.told.append(state.status), redis)

    async def _check(self) -> Sequence[PluginState]:
        return self._now

    async def look(self, *statuses: PluginStatus) -> None:
        for status in statuses:
            self._now = (PluginState("cache", "redis", "plugins.cache.redis:RedisCache", status),)
            await self._alarms.look()

    async def look_at_nothing(self) -> None:
        self._now = ()
        await self._alarms.look()


async def test_it_rings_when_ill_twice_and_again_when_well_twice(redis_client: Redis) -> None:
    ward = Ward(redis_client)
    await ward.look(WELL, ILL)
    assert ward.told == []
    await ward.look(DEAD, DEAD, ILL, ILL)
    assert ward.told == [DEAD]
    await ward.look(WELL)
    assert ward.told == [DEAD]
    await ward.look(WELL, WELL, WELL)
    assert ward.told == [DEAD, WELL]


async def test_one_bad_look_rings_nothing(redis_client: Redis) -> None:
    ward = Ward(redis_client)
    await ward.look(*(WELL, ILL) * 5)
    assert ward.told == []


async def test_plugin_that_comes_and_goes_does_not_ring_all_day(redis_client: Redis) -> None:
    ward = Ward(redis_client)
    await ward.look(*((ILL,) * LOOKS + (WELL,) * LOOKS) * 5)
    assert ward.told == [ILL, WELL]


async def test_several_workers_ring_once(redis_client: Redis) -> None:
    wards = [Ward(redis_client) for _ in range(3)]
    for ward in wards:
        await ward.look(ILL, ILL)
    assert [ward.told for ward in wards] == [[ILL], [], []]


async def test_it_rings_without_redis_too(tmp_path: Path) -> None:
    async with Redis(unix_socket_path=str(tmp_path / "no-redis.sock")) as absent:
        ward = Ward(absent)
        await ward.look(ILL, ILL)
    assert ward.told == [ILL]


async def test_plugin_that_was_taken_out_is_forgotten(redis_client: Redis) -> None:
    ward = Ward(redis_client)
    await ward.look(ILL, ILL)
    await ward.look_at_nothing()
    await ward.look(WELL, WELL, WELL)
    assert ward.told == [ILL]
