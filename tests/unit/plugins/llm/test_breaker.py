"""When is a model left alone, and do all processes agree on it?

Every rule is checked in the process and through a real Redis; the Redis of the last tests is not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from core.telemetry import Metrics
from plugins.llm.routing.breaker import BreakerKey, BreakerPolicy, Breakers, BreakerState

KEY = BreakerKey("openai", "gpt-4o")
OTHER = BreakerKey("openai", "gpt-4o-mini")
POLICY = BreakerPolicy(failures=3, pause_s=0.1, probe_s=0.2)

Make = Callable[[], Breakers]


@pytest.fixture(params=["process", "redis"])
async def make(request: pytest.FixtureRequest, redis_client: Redis) -> Make:
    shared = redis_client if request.param == "redis" else None
    return lambda: Breakers(POLICY, shared, metrics=Metrics(CollectorRegistry()))


async def fail(breakers: Breakers, times: int, key: BreakerKey = KEY) -> None:
    for _ in range(times):
        assert await breakers.admit(key)
        await breakers.failed(key)


async def until_admitted(breakers: Breakers) -> None:
    """Until the pause or the probe's time is over; at most 5 s."""
    async with asyncio.timeout(5):
        while not await breakers.admit(KEY):  # noqa: ASYNC110 - what is waited for is time itself
            await asyncio.sleep(0.01)


async def test_opens_after_so_many_failures_in_a_row_and_then_refuses(make: Make) -> None:
    breakers = make()
    await fail(breakers, 3)
    assert breakers.states()[KEY] is BreakerState.OPEN
    assert not await breakers.admit(KEY)


async def test_a_success_between_failures_begins_the_count_anew(make: Make) -> None:
    breakers = make()
    await fail(breakers, 2)
    await breakers.succeeded(KEY)
    await fail(breakers, 2)
    assert await breakers.admit(KEY)


async def test_other_models_of_the_provider_go_on(make: Make) -> None:
    breakers = make()
    await fail(breakers, 3)
    assert await breakers.admit(OTHER)


async def test_after_the_pause_one_probe_goes_and_its_success_closes(make: Make) -> None:
    breakers = make()
    await fail(breakers, 3)
    await until_admitted(breakers)
    assert breakers.states()[KEY] is BreakerState.HALF_OPEN
    assert not await breakers.admit(KEY)
    await breakers.succeeded(KEY)
    assert breakers.states()[KEY] is BreakerState.CLOSED
    await fail(breakers, 2)
    assert await breakers.admit(KEY)


async def test_a_probe_that_fails_opens_it_again_at_once(make: Make) -> None:
    breakers = make()
    await fail(breakers, 3)
    await until_admitted(breakers)
    await breakers.failed(KEY)
    assert breakers.states()[KEY] is BreakerState.OPEN
    assert not await breakers.admit(KEY)


async def test_a_probe_that_was_cancelled_leaves_the_place_to_another(make: Make) -> None:
    breakers = make()
    await fail(breakers, 3)
    await until_admitted(breakers)
    await breakers.released(KEY)
    assert await breakers.admit(KEY)


async def test_a_probe_that_was_never_heard_of_again_does_not_close_the_way_for_ever(make: Make) -> None:
    breakers = make()
    await fail(breakers, 3)
    await until_admitted(breakers)
    await until_admitted(breakers)


async def test_calls_that_end_well_while_it_is_open_do_not_close_it(make: Make) -> None:
    breakers = make()
    await fail(breakers, 3)
    await breakers.succeeded(KEY)
    assert breakers.states()[KEY] is BreakerState.OPEN


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


async def test_without_redis_each_process_counts_for_itself(tmp_path: Path) -> None:
    gone = Redis.from_url(f"unix://{tmp_path}/nobody.sock")
    breakers = Breakers(POLICY, gone)
    await fail(breakers, 3)
    assert not await breakers.admit(KEY)
    await until_admitted(breakers)
    await gone.aclose()


async def test_the_gauge_shows_the_state() -> None:
    metrics = Metrics(CollectorRegistry())
    breakers = Breakers(POLICY, metrics=metrics)
    labels = {"provider": "openai", "model": "gpt-4o"}
    seen = []
    await breakers.admit(KEY)
    seen.append(metrics.registry.get_sample_value("llm_breaker_state", labels))
    await fail(breakers, 3)
    seen.append(metrics.registry.get_sample_value("llm_breaker_state", labels))
    await until_admitted(breakers)
    seen.append(metrics.registry.get_sample_value("llm_breaker_state", labels))
    assert seen == [1.0, 0.0, 0.5]
