"""What does the router add to a call, and what does failing over cost?"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import structlog
from redis.asyncio import Redis

from core.types import CompletionRequest, CompletionResponse, Health, Message, PluginStatus
from plugins.interfaces import CompletionStream, LLMProvider, PluginContext
from plugins.llm.openai import OpenAIProvider
from plugins.llm.routing.breaker import BreakerPolicy, Breakers
from plugins.llm.routing.router import Route, Router, RoutingPolicy
from tests.servers.model_server import Fault
from tests.servers.openai_server import MODEL, OpenAIServer

PIECES = 50
ASKED = CompletionRequest(messages=(Message(role="user", content="How long do refunds take?"),), model="", stream=True)
Complete = Callable[[CompletionRequest], Awaitable[CompletionResponse | CompletionStream]]


class InstantStream:
    """Fifty pieces that were there all along."""

    async def __aiter__(self) -> AsyncIterator[str]:
        for _ in range(PIECES):
            yield "word "

    async def aclose(self) -> None:
        """Nothing is open."""

    @property
    def response(self) -> CompletionResponse:
        return CompletionResponse(
            text="word " * PIECES,
            model="instant",
            token_count=150,
            input_tokens=100,
            output_tokens=50,
            latency_ms=0.0,
            cost_usd=0.001,
            timestamp=datetime.now(UTC),
        )


class InstantProvider:
    """A provider that takes no time, so that all that is measured is ours."""

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to release."""

    async def health_check(self) -> Health:
        return Health(PluginStatus.HEALTHY)

    async def complete(self, request: CompletionRequest) -> CompletionResponse | CompletionStream:
        return InstantStream()

    def calculate_cost(self, input_tokens: int, output_tokens: int, model: str) -> float:
        return 0.0

    def get_supported_models(self) -> tuple[str, ...]:
        return ("instant",)


async def _read(
    complete: Callable[[CompletionRequest], Awaitable[CompletionResponse | CompletionStream]],
) -> tuple[float, float]:
    """Milliseconds until the whole stream is read, by the clock and of this thread's processor time."""
    started, worked = time.perf_counter(), time.thread_time()
    stream = await complete(ASKED)
    assert not isinstance(stream, CompletionResponse)
    async for _ in stream:
        pass
    _ = stream.response
    return (time.perf_counter() - started) * 1000, (time.thread_time() - worked) * 1000


async def overhead(provider: LLMProvider, redis: Redis | None, calls: int) -> dict[str, float]:
    """Milliseconds of a direct and of a routed call, taken in turns, and what the router adds."""
    # Three routes, so that there is something to choose from.
    routes = [Route(name, provider, priority=place) for place, name in enumerate(("one", "two", "three"))]
    router = Router(routes, Breakers(BreakerPolicy(), redis, prefix="foundry:benchmark:"))
    direct: list[tuple[float, float]] = []
    routed: list[tuple[float, float]] = []
    for turn in range(calls + 20):
        pair = (await _read(provider.complete), await _read(router.complete))
        await asyncio.sleep(0)  # a loop that never turns would never drop the timers of calls that are over
        if turn >= 20:
            direct.append(pair[0])
            routed.append(pair[1])
    figures = {}
    for column, unit in enumerate(("ms", "cpu_ms")):
        plain, through = np.array(direct)[:, column], np.array(routed)[:, column]
        added = through - np.median(plain)
        for share in (50, 95):
            figures[f"direct_p{share}_{unit}"] = round(float(np.percentile(plain, share)), 3)
            figures[f"added_p{share}_{unit}"] = round(float(np.percentile(added, share)), 3)
    return figures


async def failover(timeout_s: float, rounds: int, context: PluginContext) -> dict[str, float]:
    """How long the first token of the second server takes while the first is silent, as a multiple of the timeout."""
    async with AsyncExitStack() as stack:
        providers = []
        for fault in (Fault.SILENT, Fault.NONE):
            server = await stack.enter_async_context(OpenAIServer().running())
            server.fault = fault
            options = OpenAIProvider.Options(base_url=server.base_url, default_model=MODEL)
            provider = OpenAIProvider(options, context)
            await provider.start()
            stack.push_async_callback(provider.close)
            providers.append(provider)
        routes = [Route(f"server-{place}", provider, priority=place) for place, provider in enumerate(providers)]
        policy = RoutingPolicy(first_token_timeout_s=timeout_s, rounds=1)
        waited = []
        for _ in range(rounds):
            router = Router(routes, Breakers(BreakerPolicy()), policy)
            started = time.perf_counter()
            stream = await router.complete(ASKED)
            assert not isinstance(stream, CompletionResponse)
            await anext(aiter(stream))
            waited.append(time.perf_counter() - started)
            await stream.aclose()
    return {
        "timeout_s": timeout_s,
        "first_token_p50_s": round(float(np.median(waited)), 3),
        "first_token_max_s": round(max(waited), 3),
        "ratio_max": round(max(waited) / timeout_s, 3),
    }


async def measure(arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    """All figures of one run."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient())
        redis = Redis.from_url(arguments.redis) if arguments.redis else None
        if redis is not None:
            stack.push_async_callback(redis.aclose)
        context = PluginContext(http=http, data_dir=Path())
        instant = InstantProvider()
        figures = {"in the process": await overhead(instant, None, arguments.calls)}
        if redis is not None:
            figures["breakers in Redis"] = await overhead(instant, redis, arguments.calls)
        server = await stack.enter_async_context(OpenAIServer().running())
        options = OpenAIProvider.Options(base_url=server.base_url, default_model=MODEL)
        provider = OpenAIProvider(options, context)
        await provider.start()
        stack.push_async_callback(provider.close)
        figures["over HTTP"] = await overhead(provider, redis, max(20, arguments.calls // 5))
        figures["failover"] = await failover(arguments.timeout, arguments.rounds, context)
    return figures


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000, help="calls of either side")
    parser.add_argument("--timeout", type=float, default=0.5, help="seconds until a silent server has failed")
    parser.add_argument("--rounds", type=int, default=10, help="failovers")
    parser.add_argument("--redis", default="", help="URL of a Redis that shares the breakers")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    arguments = parser.parse_args(argv)
    # As in production: lines below the level are dropped before they cost anything.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    figures = asyncio.run(measure(arguments))
    for name, row in figures.items():
        print(f"{name:20}" + "  ".join(f"{key} {value}" for key, value in row.items()))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
