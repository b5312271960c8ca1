"""When is a model left alone?"""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from core.telemetry import Metrics
from plugins.llm.routing.breaker import Breakers
from tests.support.breaker_rules import KEY, POLICY, BreakerRules, Make, fail, until_admitted


class TestInTheProcess(BreakerRules):
    """Every rule, counted in the process."""

    @pytest.fixture
    def make(self) -> Make:
        return lambda: Breakers(POLICY, metrics=Metrics(CollectorRegistry()))


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
