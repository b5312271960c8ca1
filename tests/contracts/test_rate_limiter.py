"""Does every rate limiter count the same way?"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from core.errors import ConfigurationError, ProviderUnavailableError
from core.types import PluginStatus
from plugins.interfaces import Plugin, PluginContext, RateLimiter
from plugins.rate_limiter.memory import MemoryRateLimiter
from plugins.rate_limiter.redis import RedisRateLimiter
from tests.support.waiting import until

HOUR = 3600


@pytest.fixture(params=[RedisRateLimiter, MemoryRateLimiter], ids=["redis", "memory"])
async def limiter(request: pytest.FixtureRequest, plugin_context: PluginContext) -> RateLimiter:
    made: RateLimiter = request.param(request.param.Options(), plugin_context)
    await made.start()
    return made


async def test_bucket_allows_its_limit_and_then_says_when_to_come_back(limiter: RateLimiter) -> None:
    decisions = [await limiter.check_rate_limit("a", 3, HOUR) for _ in range(4)]
    assert [bool(decision) for decision in decisions] == [True, True, True, False]
    assert [decision.remaining for decision in decisions] == [2, 1, 0, 0]
    assert [decision.retry_after_s for decision in decisions[:3]] == [0.0, 0.0, 0.0]
    assert HOUR / 3 - 5 < decisions[3].retry_after_s <= HOUR / 3
    assert decisions[3].limit == 3


async def test_keys_do_not_share_a_bucket(limiter: RateLimiter) -> None:
    assert await limiter.check_rate_limit("a", 1, HOUR)
    assert not await limiter.check_rate_limit("a", 1, HOUR)
    assert await limiter.check_rate_limit("b", 1, HOUR)


async def test_looking_takes_nothing(limiter: RateLimiter) -> None:
    assert await limiter.get_remaining("a", 5, HOUR) == 5
    await limiter.check_rate_limit("a", 5, HOUR)
    assert [await limiter.get_remaining("a", 5, HOUR) for _ in range(3)] == [4, 4, 4]


async def test_reset_fills_the_bucket(limiter: RateLimiter) -> None:
    await limiter.check_rate_limit("a", 1, HOUR)
    await limiter.reset("a")
    await limiter.reset("never used")
    assert await limiter.check_rate_limit("a", 1, HOUR)


async def test_bucket_refills_evenly_and_never_beyond_its_limit(limiter: RateLimiter) -> None:
    for _ in range(2):
        await limiter.check_rate_limit("a", 2, 1)
    refused = await limiter.check_rate_limit("a", 2, 1)
    assert not refused
    assert 0 < refused.retry_after_s <= 0.5
    assert await until(lambda: limiter.check_rate_limit("a", 2, 1))
    assert await limiter.get_remaining("a", 2, 1) <= 2


async def test_limit_that_was_lowered_holds_at_once(limiter: RateLimiter) -> None:
    await limiter.check_rate_limit("a", 100, HOUR)
    assert await limiter.get_remaining("a", 5, HOUR) == 5


async def test_many_at_once_get_exactly_the_limit(limiter: RateLimiter) -> None:
    decisions = await asyncio.gather(*(limiter.check_rate_limit("a", 20, HOUR) for _ in range(50)))
    assert sum(map(bool, decisions)) == 20


async def test_it_is_healthy_and_a_plugin(limiter: RateLimiter) -> None:
    assert isinstance(limiter, Plugin)
    assert (await limiter.health_check()).status is PluginStatus.HEALTHY
    await limiter.close()
    await limiter.close()


async def test_redis_limiter_teaches_a_flushed_server_its_script_and_cleans_up(
    plugin_context: PluginContext, redis_client: Redis
) -> None:
    limiter = RedisRateLimiter(RedisRateLimiter.Options(), plugin_context)
    await limiter.check_rate_limit("a", 5, 60)
    await redis_client.script_flush()
    assert (await limiter.check_rate_limit("a", 5, 60)).remaining == 3
    (key,) = await redis_client.keys("*")
    assert 0 < await redis_client.pttl(key) <= 60_000


async def test_redis_limiter_says_when_redis_is_away(plugin_context: PluginContext) -> None:
    async with Redis.from_url("redis://127.0.0.1:9") as away:
        limiter = RedisRateLimiter(RedisRateLimiter.Options(), replace(plugin_context, redis=away))
        with pytest.raises(ProviderUnavailableError):
            await limiter.check_rate_limit("a", 1, 1)
        assert (await limiter.health_check()).status is PluginStatus.BROKEN
    with pytest.raises(ConfigurationError):
        RedisRateLimiter(RedisRateLimiter.Options(), replace(plugin_context, redis=None))


async def test_memory_limiter_forgets_the_bucket_unused_for_longest(plugin_context: PluginContext) -> None:
    limiter = MemoryRateLimiter(MemoryRateLimiter.Options(max_keys=2), plugin_context)
    for key in "abc":
        await limiter.check_rate_limit(key, 1, HOUR)
    assert [await limiter.get_remaining(key, 1, HOUR) for key in "abc"] == [1, 0, 0]
