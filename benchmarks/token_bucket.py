"""What does asking the token bucket cost, beside a bare round trip to the same Redis?"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import httpx
import numpy as np
import structlog
from redis.asyncio import Redis

from plugins.interfaces import PluginContext
from plugins.rate_limiter.redis import RedisRateLimiter

KEYS = 100
LIMIT, WINDOW_S = 1_000_000, 60


async def _timed(call: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await call()
    return (time.perf_counter() - started) * 1000


async def compare(url: str, calls: int) -> dict[str, dict[str, float]]:
    """Milliseconds of a PING, of a second PING as control, and of a decision, taking turns on one connection."""
    redis = Redis.from_url(url)
    async with httpx.AsyncClient() as http:
        limiter = RedisRateLimiter(RedisRateLimiter.Options(), PluginContext(http=http, data_dir=Path(), redis=redis))
        await limiter.start()
        times: dict[str, list[float]] = {"ping": [], "ping again": [], "token bucket": []}
        for number in range(calls):
            key = f"benchmark:{number % KEYS}"
            times["ping"].append(await _timed(redis.ping))
            times["ping again"].append(await _timed(redis.ping))
            times["token bucket"].append(
                await _timed(lambda key=key: limiter.check_rate_limit(key, LIMIT, WINDOW_S))  # type: ignore[misc]
            )
        for number in range(KEYS):
            await limiter.reset(f"benchmark:{number}")
        await limiter.close()
    await redis.aclose()
    figures = {}
    for name, values in times.items():
        p50, p95, p99 = np.percentile(values, [50, 95, 99])
        figures[name] = {"p50_ms": round(p50, 3), "p95_ms": round(p95, 3), "p99_ms": round(p99, 3)}
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    parser = argparse.ArgumentParser(prog="python -m benchmarks.token_bucket", description=__doc__)
    parser.add_argument("--redis", default="redis://127.0.0.1:6379/0", help="address of a Redis on this machine")
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    chosen = parser.parse_args(arguments)
    figures = asyncio.run(compare(chosen.redis, chosen.calls))
    for name, side in figures.items():
        print(f"{name:13}" + "".join(f"{key[:-3]:>6} {value:.3f} ms" for key, value in side.items()))
    ratio = figures["token bucket"]["p50_ms"] / figures["ping"]["p50_ms"]
    print(f"a decision takes {ratio:.2f} times a bare round trip (aim: below 1 ms at p95)")
    if chosen.json:
        chosen.json.write_text(json.dumps({**figures, "ratio": ratio}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
