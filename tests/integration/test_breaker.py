"""Do all processes agree on when a model is left alone?"""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from core.telemetry import Metrics
from plugins.llm.routing.breaker import Breakers, BreakerState
from tests.support.breaker_rules import KEY, POLICY, BreakerRules, Make, fail, until_admitted


class TestInRedis(BreakerRules):
    """Every rule, counted in a real Redis."""

    @pytest.fixture
    def make(self, redis_client: Redis) -> Make:
        return lambda: Breakers(POLICY, redis_client, metrics=Metrics(CollectorRegistry()))


async def test_processes_count_together_and_agree_on_one_probe(redis_client: Redis) -> None:
    first, second = Breakers(POLICY, redis_client), Breakers(POLICY, redis_client)
    await fail(first, 2)
    await fail(second, 1)
    assert second.states()[KEY] is BreakerState.OPEN
    assert not await Breakers(POLICY, redis_client).admit(KEY)
    await until_admitted(first)
    assert not await Breakers(POLICY, redis_client).admit(KEY)


async def test_a_closed_breaker_asks_redis_no_more_than_twice_a_second(redis_client: Redis) -> None:
    breakers = Breakers(POLICY, redis_client)
    await breakers.admit(KEY)
    before = (await redis_client.info("commandstats")).get("cmdstat_evalsha", {}).get("calls", 0)
    for _ in range(50):
        assert await breakers.admit(KEY)
        await breakers.succeeded(KEY)
    after = (await redis_client.info("commandstats")).get("cmdstat_evalsha", {}).get("calls", 0)
    assert after - before <= 5


async def test_a_redis_that_forgot_everything_is_taught_again(redis_client: Redis) -> None:
    breakers = Breakers(POLICY, redis_client)
    await fail(breakers, 1)
    await redis_client.flushall()
    await redis_client.script_flush()
    await breakers.failed(KEY)
    assert breakers.states()[KEY] is BreakerState.CLOSED
    assert await redis_client.exists("foundry:breaker:openai:gpt-4o")
