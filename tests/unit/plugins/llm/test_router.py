"""Does a request get its answer when providers fail, stall, break off or lie?

Real providers of OpenAI's protocol against local servers (``tests/servers/openai_server.py``, API version v1).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.errors import ProviderError, ProviderNotAllowedError, ProviderRateLimitError, ProviderUnavailableError
from core.telemetry import METRICS
from core.types import Clearance, CompletionRequest, CompletionResponse, Message, PluginStatus
from plugins.interfaces import CallStatus, CompletionStream, Failover, ModelCall, PluginContext
from plugins.llm.openai import OpenAIProvider
from plugins.llm.routing.breaker import BreakerPolicy, Breakers, BreakerState
from plugins.llm.routing.router import Route, Router, RoutingPolicy
from tests.servers.model_server import WORDS, Fault
from tests.servers.openai_server import MODEL, OpenAIServer

ANSWER = "".join(WORDS)
ASKED = CompletionRequest(messages=(Message(role="user", content="How long do refunds take?"),), model="")
STREAMED = ASKED.model_copy(update={"stream": True})
QUICK = RoutingPolicy(
    first_token_timeout_s=5, idle_timeout_s=5, rounds=1, backoff_s=0.01, longest_backoff_s=0.02, retry_budget_s=5
)


@dataclass(slots=True)
class Witness:
    """Hears what the router does, and collects what a reader sees in the end."""

    calls: list[ModelCall] = field(default_factory=list)
    failovers: list[Failover] = field(default_factory=list)
    text: str = ""

    def called(self, call: ModelCall) -> None:
        self.calls.append(call)

    async def failed_over(self, failover: Failover) -> None:
        self.failovers.append(failover)
        if failover.restarted:
            self.text = ""

    @property
    def statuses(self) -> list[tuple[str, CallStatus]]:
        return [(call.provider, call.status) for call in self.calls]

    async def read(self, router: Router, request: CompletionRequest = STREAMED) -> CompletionStream:
        stream = await router.complete(request, self)
        assert not isinstance(stream, CompletionResponse)
        async for piece in stream:
            self.text += piece
        return stream


class Ring:
    """Two servers, ``first`` and ``second``, and providers that were started for them."""

    def __init__(self, first: OpenAIServer, second: OpenAIServer) -> None:
        self.first, self.second = first, second
        self.breakers = Breakers(BreakerPolicy(failures=3, pause_s=30))
        self.providers: dict[str, OpenAIProvider] = {}

    def router(self, policy: RoutingPolicy = QUICK, **routes: dict[str, Any]) -> Router:
        options: dict[str, dict[str, Any]] = {"first": {"priority": 1}, "second": {"priority": 2}} | routes
        return Router(
            [Route(name, self.providers[name], **more) for name, more in options.items()], self.breakers, policy
        )


@pytest.fixture
async def ring(tmp_path: Path) -> AsyncIterator[Ring]:
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(OpenAIServer().running()) for _ in range(2)]
        http = await stack.enter_async_context(httpx.AsyncClient())
        ring = Ring(*servers)
        for name, server in zip(("first", "second"), servers, strict=True):
            options = OpenAIProvider.Options(
                base_url=server.base_url,
                default_model=MODEL,
                timeout=1,  # a whole answer waits as long as its provider does
                prices={MODEL: {"input": 2.0, "output": 10.0}},
            )
            provider = OpenAIProvider(options, PluginContext(http=http, data_dir=tmp_path))
            await provider.start()
            stack.push_async_callback(provider.close)
            ring.providers[name] = provider
        yield ring


async def test_the_best_entry_answers_and_the_other_hears_nothing(ring: Ring) -> None:
    witness = Witness()
    stream = await witness.read(ring.router())
    assert (witness.text, stream.response.text) == (ANSWER, ANSWER)
    assert (ring.first.opened, ring.second.opened) == (1, 0)
    (call,) = witness.calls
    assert (call.provider, call.status, call.input_tokens, call.output_tokens) == ("first", CallStatus.OK, 100, 20)
    assert call.cost_usd == pytest.approx(100 * 2e-6 + 20 * 10e-6)
    assert witness.failovers == []


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.RATE_LIMITED, CallStatus.RATE_LIMITED),
        (Fault.BROKEN, CallStatus.UNAVAILABLE),
        (Fault.BAD_KEY, CallStatus.REFUSED),
        (Fault.SILENT, CallStatus.UNAVAILABLE),
    ],
)
@pytest.mark.parametrize("request_", [ASKED, STREAMED], ids=["whole", "streamed"])
async def test_an_entry_that_fails_before_it_begins_is_replaced(
    ring: Ring, fault: Fault, status: CallStatus, request_: CompletionRequest
) -> None:
    ring.first.fault = fault
    policy = RoutingPolicy(first_token_timeout_s=0.2, total_timeout_s=10, rounds=1)
    witness = Witness()
    answer = await ring.router(policy).complete(request_, witness)
    if not isinstance(answer, CompletionResponse):
        assert "".join([piece async for piece in answer]) == ANSWER
        answer = answer.response
    assert answer.text == ANSWER
    assert witness.statuses == [("first", status), ("second", CallStatus.OK)]
    (failover,) = witness.failovers
    assert (failover.failed, failover.took_over, failover.restarted) == ("first", "second", False)


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.ERROR_INSIDE, Fault.STALLED])
async def test_an_answer_that_breaks_off_is_begun_anew_elsewhere_and_what_was_said_is_void(
    ring: Ring, fault: Fault
) -> None:
    ring.first.fault = fault
    witness = Witness()
    policy = RoutingPolicy(first_token_timeout_s=5, idle_timeout_s=0.2, rounds=1)
    stream = await witness.read(ring.router(policy))
    assert (witness.text, stream.response.text) == (ANSWER, ANSWER)
    assert witness.statuses == [("first", CallStatus.UNAVAILABLE), ("second", CallStatus.OK)]
    (failover,) = witness.failovers
    assert (failover.failed, failover.took_over, failover.restarted) == ("first", "second", True)
    # What came before the break was paid for: two words, estimated.
    assert witness.calls[0].output_tokens == -(-len("Refunds take ") // 4)
    assert witness.calls[0].cost_usd > 0


async def test_a_stalled_stream_is_closed_at_its_server(ring: Ring) -> None:
    ring.first.fault = Fault.STALLED
    await Witness().read(ring.router(RoutingPolicy(idle_timeout_s=0.2, rounds=1)))
    await ring.first.until_cancelled(1)


async def test_without_a_listener_a_broken_stream_is_an_error_and_never_two_halves(ring: Ring) -> None:
    ring.first.fault = Fault.CUT
    stream = await ring.router().complete(STREAMED)
    assert not isinstance(stream, CompletionResponse)
    pieces = aiter(stream)
    assert [await anext(pieces), await anext(pieces)] == ["Refunds ", "take "]
    with pytest.raises(ProviderUnavailableError):
        await anext(pieces)
    assert ring.second.opened == 0


async def test_an_entry_alone_is_tried_again_after_a_pause(ring: Ring) -> None:
    router = Router([Route("first", ring.providers["first"])], ring.breakers, RoutingPolicy(rounds=2, backoff_s=0.01))
    ring.first.fault = Fault.BROKEN
    witness = Witness()
    asking = asyncio.create_task(witness.read(router))
    await ring.first.until_opened(1)
    ring.first.fault = Fault.NONE
    await asking
    assert (witness.text, len(witness.calls)) == (ANSWER, 2)


async def test_rounds_end_and_the_last_error_of_each_is_told(ring: Ring) -> None:
    ring.first.fault, ring.second.fault = Fault.BROKEN, Fault.BAD_KEY
    policy = RoutingPolicy(rounds=3, backoff_s=0.001)
    with pytest.raises(ProviderUnavailableError, match=r"first: .*not working.*second: .*does not accept the key"):
        await ring.router(policy).complete(ASKED)
    # A key does not become right by waiting.
    assert (ring.first.opened, ring.second.opened) == (3, 1)


async def test_a_provider_that_asks_for_more_patience_than_there_is_is_not_asked_again(ring: Ring) -> None:
    ring.first.fault = ring.second.fault = Fault.RATE_LIMITED  # Retry-After: 7
    policy = RoutingPolicy(rounds=3, backoff_s=0.001, retry_budget_s=1)
    with pytest.raises(ProviderUnavailableError):
        await ring.router(policy).complete(ASKED)
    assert (ring.first.opened, ring.second.opened) == (1, 1)


async def test_the_error_of_an_only_entry_is_raised_as_it_is(ring: Ring) -> None:
    ring.first.fault = Fault.RATE_LIMITED
    router = Router([Route("first", ring.providers["first"])], ring.breakers, QUICK)
    with pytest.raises(ProviderRateLimitError) as limited:
        await router.complete(ASKED)
    assert limited.value.retry_after_s == 7


async def test_after_repeated_failures_an_entry_is_left_alone_and_seen_to_be(ring: Ring) -> None:
    ring.first.fault = Fault.BROKEN
    router = ring.router()
    for _ in range(5):
        await router.complete(ASKED)
    assert (ring.first.opened, ring.second.opened) == (3, 5)
    states = {state.provider: state.breaker for state in router.states()}
    assert states == {"first": BreakerState.OPEN, "second": BreakerState.CLOSED}
    health = await router.health_check()
    assert (health.status, health.detail) == (
        PluginStatus.DEGRADED, f"Resting after repeated failures: first/{MODEL}.",
    )  # fmt: skip


async def test_streams_that_stall_open_the_breaker_too(ring: Ring) -> None:
    ring.first.fault = Fault.CUT
    router = ring.router()
    for _ in range(4):
        await Witness().read(router)
    assert ring.first.opened == 3
    assert router.states()[0].breaker is BreakerState.OPEN


async def test_refusals_of_a_request_do_not_open_it(ring: Ring) -> None:
    ring.first.fault = Fault.BAD_KEY
    router = ring.router()
    for _ in range(5):
        await router.complete(ASKED)
    assert ring.first.opened == 5


async def test_when_all_rest_the_answer_comes_at_once_and_says_so(ring: Ring) -> None:
    ring.first.fault = Fault.BROKEN
    router = Router([Route("first", ring.providers["first"])], ring.breakers, QUICK)
    for _ in range(3):
        with pytest.raises(ProviderUnavailableError, match="not working"):
            await router.complete(ASKED)
    with pytest.raises(ProviderUnavailableError, match="rest after repeated failures"):
        await router.complete(ASKED)
    assert ring.first.opened == 3


async def test_a_short_rest_is_waited_for(ring: Ring) -> None:
    ring.breakers = Breakers(BreakerPolicy(failures=1, pause_s=0.1))
    ring.first.fault = ring.second.fault = Fault.BROKEN
    router = ring.router()
    with pytest.raises(ProviderUnavailableError):
        await router.complete(ASKED)
    ring.first.fault = Fault.NONE
    patient = ring.router(RoutingPolicy(rounds=2, backoff_s=0.01, longest_backoff_s=1))
    answer = await patient.complete(ASKED)
    assert isinstance(answer, CompletionResponse)
    assert answer.text == ANSWER


async def test_equals_share_the_load_by_calls_under_way(ring: Ring) -> None:
    ring.first.fault = Fault.HELD
    router = ring.router(first={"priority": 1}, second={"priority": 1})
    held = await router.complete(STREAMED, Witness())
    assert not isinstance(held, CompletionResponse)
    for _ in range(4):
        await Witness().read(router)
    assert (ring.first.opened, ring.second.opened) == (1, 4)
    assert {state.provider: state.outstanding for state in router.states()} == {"first": 1, "second": 0}
    await held.aclose()
    assert {state.provider: state.outstanding for state in router.states()} == {"first": 0, "second": 0}


async def test_closing_a_stream_ends_the_call_and_counts_it_as_cancelled(ring: Ring) -> None:
    ring.first.fault = Fault.ENDLESS
    witness = Witness()
    stream = await ring.router().complete(STREAMED, witness)
    assert not isinstance(stream, CompletionResponse)
    assert await anext(aiter(stream)) == "Refunds "
    await stream.aclose()
    await stream.aclose()
    await ring.first.until_cancelled(1)
    assert witness.statuses == [("first", CallStatus.CANCELLED)]
    assert stream.response.finish_reason == "cancelled"
    assert [piece async for piece in stream] == []


async def test_stopping_while_a_provider_is_silent_ends_the_call(ring: Ring) -> None:
    ring.first.fault = Fault.SILENT
    witness = Witness()
    asking = asyncio.create_task(ring.router().complete(STREAMED, witness))
    await ring.first.until_opened(1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await ring.first.until_cancelled(1)
    assert witness.statuses == [("first", CallStatus.CANCELLED)]
    assert ring.router().states()[0].breaker is BreakerState.CLOSED


async def test_an_answer_may_take_only_so_long_and_its_provider_is_not_blamed(ring: Ring) -> None:
    ring.first.fault = Fault.ENDLESS
    witness = Witness()
    with pytest.raises(ProviderUnavailableError, match=r"longer than 0\.3 s"):
        await witness.read(ring.router(RoutingPolicy(total_timeout_s=0.3)))
    assert ring.second.opened == 0
    assert ring.breakers.states()[next(iter(ring.breakers.states()))] is BreakerState.CLOSED


async def test_confidential_text_reaches_no_server_that_is_not_local(ring: Ring) -> None:
    secret = ASKED.model_copy(update={"clearance": Clearance(local_only=True)})
    with pytest.raises(ProviderNotAllowedError):
        await ring.router().complete(secret)
    assert (ring.first.opened, ring.second.opened) == (0, 0)
    await ring.router(second={"priority": 2, "local": True}).complete(secret)
    assert (ring.first.opened, ring.second.opened) == (0, 1)


async def test_confidential_text_stays_when_the_local_model_fails(ring: Ring) -> None:
    ring.second.fault = Fault.BROKEN
    secret = ASKED.model_copy(update={"clearance": Clearance(local_only=True)})
    with pytest.raises(ProviderUnavailableError):
        await ring.router(second={"priority": 2, "local": True}).complete(secret)
    assert ring.first.opened == 0


async def test_every_call_is_in_the_metrics(ring: Ring) -> None:
    def value(name: str, **labels: str) -> float:
        return METRICS.registry.get_sample_value(name, {"model": MODEL, **labels}) or 0.0

    def values() -> list[float]:
        return [
            value("llm_requests_total", provider="first", status="rate_limited"),
            value("llm_requests_total", provider="second", status="ok"),
            value("llm_latency_seconds_count", provider="second"),
            value("llm_tokens_total", provider="second", direction="input"),
            value("llm_tokens_total", provider="second", direction="output"),
            value("llm_cost_usd_total", provider="second"),
        ]

    before = values()
    ring.first.fault = Fault.RATE_LIMITED
    await Witness().read(ring.router())
    assert [after - was for after, was in zip(values(), before, strict=True)] == [
        1, 1, 1, 100, 20, pytest.approx(100 * 2e-6 + 20 * 10e-6),
    ]  # fmt: skip


class Nonsense:
    """A plugin that breaks its contract in one of several ways."""

    def __init__(self, way: str) -> None:
        self.way = way

    async def complete(self, request: CompletionRequest) -> Any:
        if self.way == "raises":
            raise ZeroDivisionError
        if self.way == "generator":
            return self._pieces()
        return {"none": None, "string": "Refunds take 14 days."}[self.way]

    async def _pieces(self) -> AsyncIterator[str]:
        yield "Refunds "
        raise KeyError("content")

    def get_supported_models(self) -> tuple[str, ...]:
        return ("nonsense",)


@pytest.mark.parametrize("way", ["raises", "none", "string", "generator"])
async def test_a_plugin_that_breaks_its_contract_is_replaced(ring: Ring, way: str) -> None:
    routes = [
        Route("nonsense", Nonsense(way), priority=0),  # type: ignore[arg-type]  # this is the point
        Route("first", ring.providers["first"]),
    ]
    witness = Witness()
    await witness.read(Router(routes, ring.breakers, QUICK))
    assert witness.text == ANSWER
    assert witness.statuses == [("nonsense", CallStatus.FAILED), ("first", CallStatus.OK)]


async def test_the_router_looks_like_one_provider(ring: Ring) -> None:
    router = ring.router()
    assert router.get_supported_models() == (MODEL,)
    assert router.calculate_cost(1_000_000, 0, MODEL) == pytest.approx(2.0)
    assert (await router.health_check()).status is PluginStatus.HEALTHY
    with pytest.raises(ProviderError, match="No entry takes"):
        await router.complete(ASKED.model_copy(update={"model": "unheard-of"}))
