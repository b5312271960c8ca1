"""Is what was counted while the store was away forgotten when it is back?"""

from __future__ import annotations

from pathlib import Path

import pytest
from redis.asyncio import Redis

from tests.support.counted import EDITOR, allowed, counting_in


@pytest.mark.parametrize(("rest_s", "counted_afresh"), [(0.0, 2), (60.0, 0)])
async def test_a_store_that_is_back_counts_again_once_it_was_left_alone_for_a_while(
    redis_url: str, redis_socket: Path, tmp_path: Path, rest_s: float, counted_afresh: int
) -> None:
    async with (
        Redis.from_url(f"unix://{tmp_path}/none.sock") as redis,
        counting_in(redis, rest_s=rest_s, role_limits={"editor": "2/hour"}) as limits,
    ):
        assert await allowed(limits, EDITOR) == 2
        (tmp_path / "none.sock").symlink_to(redis_socket)
        # The store never heard of the two that the process counted.
        assert await allowed(limits, EDITOR) == counted_afresh
