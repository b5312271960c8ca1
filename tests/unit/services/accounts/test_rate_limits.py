"""Who is counted, and what is somebody told who asked too often?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from redis.asyncio import Redis

from config.models import RateLimitingSettings
from core.errors import ProviderUnavailableError, RateLimitError
from core.identity import EntryPoint, Principal, Role
from core.telemetry import METRICS
from plugins.interfaces import PluginContext
from plugins.rate_limiter.memory import MemoryRateLimiter
from services.accounts.rate_limits import LimitService
from tests.support.counted import EDITOR, IP, allowed, counting_in


def service(**limits: object) -> LimitService:
    context = PluginContext(http=httpx.AsyncClient(), data_dir=Path("/nonexistent"))
    limiter = MemoryRateLimiter(MemoryRateLimiter.Options(), context)
    return LimitService(limiter, RateLimitingSettings.model_validate(limits), stand_in=limiter)


@pytest.mark.sees(
    "rate_limiting.role_limits.viewer", "rate_limiting.role_limits.editor", "rate_limiting.role_limits.admin"
)
@pytest.mark.parametrize(
    ("role", "expected"), [(Role.VIEWER, 2), (Role.EDITOR, 4), (Role.ADMIN, 6), (Role.OPERATOR, 6)]
)
async def test_a_role_may_write_so_many_times(role: Role, expected: int) -> None:
    limits = service(role_limits={"viewer": "2/hour", "editor": "4/hour", "admin": "6/hour"})
    assert await allowed(limits, replace(EDITOR, role=role)) == expected


async def test_a_limit_holds_for_the_span_it_names() -> None:
    limits = service(role_limits={"editor": "2/minute"})
    assert await allowed(limits, EDITOR, tries=2) == 2
    with pytest.raises(RateLimitError, match="2 a minute are allowed") as refused:
        await limits.check(EDITOR, ip=IP, kind="write")
    # Half a minute brings the next one back; of 2 an hour it would be half an hour.
    assert 0 < refused.value.retry_after_s <= 30


@pytest.mark.sees("rate_limiting.organization_limit")
async def test_an_organisation_is_counted_over_all_its_people() -> None:
    limits = service(organization_limit="3/hour", role_limits={"editor": "100/hour"})
    assert await allowed(limits, EDITOR, tries=2) == 2
    colleague = replace(EDITOR, user_id=uuid4())
    assert await allowed(limits, colleague) == 1
    stranger = replace(EDITOR, user_id=uuid4(), organization_id=uuid4())
    assert await allowed(limits, stranger) == 3


@pytest.mark.sees("rate_limiting.default_limit")
async def test_a_key_has_a_bucket_of_its_own_under_that_of_its_person() -> None:
    limits = service(default_limit="2/hour", role_limits={"editor": "5/hour"})
    key = replace(EDITOR, entry_point=EntryPoint.API_KEY, session_id=uuid4())
    assert await allowed(limits, key) == 2
    assert await allowed(limits, replace(EDITOR, entry_point=EntryPoint.SESSION), tries=2) == 2


@pytest.mark.sees("rate_limiting.read_limit")
async def test_reading_is_counted_apart_from_writing() -> None:
    limits = service(read_limit="3/hour", role_limits={"editor": "1/hour"})
    assert await allowed(limits, EDITOR) == 1
    assert await allowed(limits, EDITOR, kind="read") == 3


@pytest.mark.sees("rate_limiting.ip_limit")
async def test_somebody_unknown_is_counted_by_address() -> None:
    limits = service(ip_limit="2/hour")
    assert await allowed(limits, None) == 2
    await limits.check(None, ip="198.51.100.1", kind="write")


async def test_who_is_refused_is_told_how_long_to_wait() -> None:
    limits = service(ip_limit="1/hour")
    await limits.check(None, ip=IP, kind="write")
    with pytest.raises(RateLimitError, match="1 an hour are allowed") as caught:
        await limits.check(None, ip=IP, kind="write")
    assert 0 < caught.value.retry_after_s <= 3600
    assert caught.value.next_step == f"Try again in {round(caught.value.retry_after_s)} s."


@pytest.mark.sees("rate_limiting.enabled")
async def test_when_switched_off_nobody_is_counted() -> None:
    assert await allowed(service(enabled=False, role_limits={"editor": "1/hour"}), EDITOR) == 20


# -- while the store is away


@pytest.fixture
async def no_redis(tmp_path: Path) -> AsyncIterator[Redis]:
    """A client of a Redis that is not there."""
    client = Redis.from_url(f"unix://{tmp_path}/none.sock")
    yield client
    await client.aclose()


@pytest.mark.sees("rate_limiting.when_store_is_down")
@pytest.mark.parametrize(("policy", "passing"), [("memory", 3), ("allow", 20)])
async def test_without_its_store_it_counts_in_the_process_or_lets_all_pass(
    no_redis: Redis, policy: str, passing: int
) -> None:
    async with counting_in(no_redis, when_store_is_down=policy, role_limits={"editor": "3/hour"}) as limits:
        assert await allowed(limits, EDITOR) == passing


async def test_without_its_store_it_refuses_everybody_where_told_to(no_redis: Redis) -> None:
    async with counting_in(no_redis, when_store_is_down="refuse") as limits:
        with pytest.raises(ProviderUnavailableError, match=r"cannot be counted.*check Redis"):
            await limits.check(EDITOR, ip=IP, kind="write")
        with pytest.raises(ProviderUnavailableError):
            await limits.check(None, ip=IP, kind="read")


@pytest.mark.parametrize(
    ("scope", "limit", "who", "kind"),
    [
        ("ip", {"ip_limit": "2/hour"}, None, "write"),
        ("read", {"read_limit": "2/hour"}, EDITOR, "read"),
        ("user", {"role_limits": {"editor": "2/hour"}}, EDITOR, "write"),
        ("org", {"organization_limit": "2/hour"}, EDITOR, "write"),
    ],
)
async def test_who_is_refused_is_counted_by_the_bucket_that_was_empty(
    scope: str, limit: dict[str, object], who: Principal | None, kind: str
) -> None:
    def refused() -> float:
        return METRICS.registry.get_sample_value("rate_limited_total", {"scope": scope}) or 0.0

    before = refused()
    assert await allowed(service(**limit), who, kind=kind) == 2
    assert refused() == before + 1
