"""Does every cache keep bytes, and forget them when it should?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from redis.asyncio import Redis

from core.errors import ConfigurationError, ProviderUnavailableError, ValidationError
from core.types import PluginStatus
from plugins.cache.memory import MemoryCache
from plugins.cache.redis import RedisCache
from plugins.interfaces import CacheProvider, Plugin, PluginContext
from tests.support.waiting import until


@pytest.fixture(params=[RedisCache, MemoryCache], ids=["redis", "memory"])
async def cache(request: pytest.FixtureRequest, plugin_context: PluginContext) -> CacheProvider:
    made: CacheProvider = request.param(request.param.Options(), plugin_context)
    await made.start()
    return made


async def test_what_was_set_comes_back_byte_for_byte(cache: CacheProvider) -> None:
    for value in (b"", b"\x00\xff\xfe", "grüße".encode(), b"x" * 100_000):
        await cache.set("k", value, 60)
        assert await cache.get("k") == value
    assert await cache.exists("k")


async def test_what_was_never_set_is_absent(cache: CacheProvider) -> None:
    assert await cache.get("k") is None
    assert not await cache.exists("k")
    assert not await cache.delete("k")


async def test_deleting_tells_whether_it_was_there(cache: CacheProvider) -> None:
    await cache.set("k", b"v", 60)
    assert await cache.delete("k")
    assert not await cache.delete("k")
    assert await cache.get("k") is None


async def test_value_ends_with_its_time(cache: CacheProvider) -> None:
    await cache.set("k", b"v", 1)
    assert await cache.exists("k")

    async def ended() -> bool:
        return not await cache.exists("k")

    await until(ended)
    assert await cache.get("k") is None


@pytest.mark.parametrize("seconds", [0, -1])
async def test_time_must_be_positive(cache: CacheProvider, seconds: int) -> None:
    with pytest.raises(ValidationError, match=str(seconds)):
        await cache.set("k", b"v", seconds)


async def test_clearing_takes_what_matches_and_leaves_the_rest(cache: CacheProvider) -> None:
    for key in ("org1:a", "org1:b", "org2:a"):
        await cache.set(key, b"v", 60)
    assert await cache.clear("org1:*") == 2
    assert [await cache.exists(key) for key in ("org1:a", "org1:b", "org2:a")] == [False, False, True]
    assert await cache.clear("org1:*") == 0
    assert await cache.clear("*") == 1


async def test_it_is_healthy_and_a_plugin(cache: CacheProvider) -> None:
    assert isinstance(cache, Plugin)
    assert (await cache.health_check()).status is PluginStatus.HEALTHY
    await cache.close()
    await cache.close()


async def test_redis_cache_clears_its_own_keys_only(plugin_context: PluginContext, redis_client: Redis) -> None:
    await redis_client.set("other", b"v")
    cache = RedisCache(RedisCache.Options(prefix="a*[x]:"), plugin_context)
    await redis_client.set("aax:theirs", b"v")
    for number in range(1200):
        await cache.set(f"k{number}", b"v", 60)
    assert await cache.clear("*") == 1200
    assert sorted(await redis_client.keys("*")) == [b"aax:theirs", b"other"]


async def test_redis_cache_says_when_redis_is_away_or_unfit(plugin_context: PluginContext) -> None:
    async with Redis.from_url("redis://127.0.0.1:9") as away:
        cache = RedisCache(RedisCache.Options(), replace(plugin_context, redis=away))
        with pytest.raises(ProviderUnavailableError):
            await cache.get("k")
        assert (await cache.health_check()).status is PluginStatus.BROKEN
    async with Redis.from_url("redis://127.0.0.1:9", decode_responses=True) as decoding:
        with pytest.raises(ConfigurationError, match="bytes"):
            RedisCache(RedisCache.Options(), replace(plugin_context, redis=decoding))
    with pytest.raises(ConfigurationError):
        RedisCache(RedisCache.Options(), replace(plugin_context, redis=None))


async def test_memory_cache_drops_what_was_unused_for_longest(plugin_context: PluginContext) -> None:
    cache = MemoryCache(MemoryCache.Options(max_size_bytes=30), plugin_context)
    await cache.set("a", b"0123456789", 60)
    await cache.set("b", b"0123456789", 60)
    await cache.get("a")
    await cache.set("c", b"0123456789", 60)
    assert [await cache.exists(key) for key in "abc"] == [True, False, True]
    await cache.set("d", b"x" * 100, 60)
    assert not await cache.exists("d")
