"""Who is counted, and what is somebody told who asked too often?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from redis.asyncio import Redis

from config.models import RateLimitingSettings
from core.errors import ProviderUnavailableError, RateLimitError
from core.identity import EntryPoint, Principal, Role
from plugins.interfaces import PluginContext
from plugins.rate_limiter.memory import MemoryRateLimiter
from plugins.rate_limiter.redis import RedisRateLimiter
from services.accounts.rate_limits import LimitService

EDITOR = Principal(uuid4(), uuid4(), Role.EDITOR, "e@alpha.example")
IP = "203.0.113.7"


def service(**limits: object) -> LimitService:
    context = PluginContext(http=httpx.AsyncClient(), data_dir=Path("/nonexistent"))
    limiter = MemoryRateLimiter(MemoryRateLimiter.Options(), context)
    return LimitService(limiter, RateLimitingSettings.model_validate(limits), stand_in=limiter)


async def allowed(limits: LimitService, principal: Principal | None, *, kind: str = "write", tries: int = 20) -> int:
    """How many requests in a row pass."""
    for number in range(tries):
        try:
            await limits.check(principal, ip=IP, kind="write" if kind == "write" else "read")
        except RateLimitError:
            return number
    return tries


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


async def test_an_organisation_is_counted_over_all_its_people() -> None:
    limits = service(organization_limit="3/hour", role_limits={"editor": "100/hour"})
    assert await allowed(limits, EDITOR, tries=2) == 2
    colleague = replace(EDITOR, user_id=uuid4())
    assert await allowed(limits, colleague) == 1
    stranger = replace(EDITOR, user_id=uuid4(), organization_id=uuid4())
    assert await allowed(limits, stranger) == 3


async def test_a_key_has_a_bucket_of_its_own_under_that_of_its_person() -> None:
    limits = service(default_limit="2/hour", role_limits={"editor": "5/hour"})
    key = replace(EDITOR, entry_point=EntryPoint.API_KEY, session_id=uuid4())
    assert await allowed(limits, key) == 2
    assert await allowed(limits, replace(EDITOR, entry_point=EntryPoint.SESSION), tries=2) == 2


async def test_reading_is_counted_apart_from_writing() -> None:
    limits = service(read_limit="3/hour", role_limits={"editor": "1/hour"})
    assert await allowed(limits, EDITOR) == 1
    assert await allowed(limits, EDITOR, kind="read") == 3


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


async def test_when_switched_off_nobody_is_counted() -> None:
    assert await allowed(service(enabled=False, role_limits={"editor": "1/hour"}), EDITOR) == 20


# -- while the store is away


@asynccontextmanager
async def counting_in(redis: Redis, *, rest_s: float = 60.0, **limits: object) -> AsyncIterator[LimitService]:
    """Limits counted in a Redis."""
    async with httpx.AsyncClient() as http:
        context = PluginContext(http=http, data_dir=Path("/nonexistent"), redis=redis)
        stand_in = MemoryRateLimiter(MemoryRateLimiter.Options(), context)
        settings = RateLimitingSettings.model_validate(limits)
        limiter = RedisRateLimiter(RedisRateLimiter.Options(), context)
        yield LimitService(limiter, settings, stand_in=stand_in, rest_s=rest_s)


@pytest.fixture
async def no_redis(tmp_path: Path) -> AsyncIterator[Redis]:
    """A client of a Redis that is not there."""
    client = Redis.from_url(f"unix://{tmp_path}/none.sock")
    yield client
    await client.aclose()


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


@pytest.mark.parametrize(("rest_s", "counted_afresh"), [(0.0, 2), (60.0, 0)])
async def test_a_store_that_is_back_counts_again_once_it_was_left_alone_for_a_while(
    no_redis: Redis, redis_url: str, redis_socket: Path, tmp_path: Path, rest_s: float, counted_afresh: int
) -> None:
    async with counting_in(no_redis, rest_s=rest_s, role_limits={"editor": "2/hour"}) as limits:
        assert await allowed(limits, EDITOR) == 2
        (tmp_path / "none.sock").symlink_to(redis_socket)
        # The store never heard of the two that the process counted.
        assert await allowed(limits, EDITOR) == counted_afresh
