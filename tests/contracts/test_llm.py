"""Does every language model behind a wire keep the contract, however its server behaves?

Real official clients against local servers of the same protocols (``tests/servers``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from core.errors import ProviderError, ProviderRateLimitError, ProviderUnavailableError
from core.types import CompletionRequest, CompletionResponse, Health, Message, PluginStatus
from plugins.interfaces import CompletionStream, LLMProvider, Plugin, PluginContext
from plugins.llm.anthropic import AnthropicProvider
from plugins.llm.azure import AzureProvider
from plugins.llm.langchain import LangChainProvider
from plugins.llm.ollama import OllamaProvider
from plugins.llm.openai import OpenAIProvider
from plugins.llm.routing.breaker import BreakerPolicy, Breakers
from plugins.llm.routing.router import Route, Router, RoutingPolicy
from tests.servers.anthropic_server import AnthropicServer
from tests.servers.azure_server import DEPLOYMENT, AzureServer
from tests.servers.model_server import WORDS, Fault, ModelServer
from tests.servers.ollama_server import OllamaServer
from tests.servers.openai_server import MODEL, OpenAIServer

ANSWER = "".join(WORDS)
ASKED = CompletionRequest(
    messages=(Message(role="system", content="Be brief."), Message(role="user", content="How long do refunds take?")),
    model="",
    max_tokens=77,
    temperature=0.3,
)
STREAMED = ASKED.model_copy(update={"stream": True})
PRICES = {MODEL: {"input": 2.0, "output": 10.0}}


def _openai(address: str) -> dict[str, Any]:
    return {"api_key": "sk-test", "base_url": f"{address}/v1", "prices": PRICES}


def _anthropic(address: str) -> dict[str, Any]:
    return {"api_key": "sk-test", "base_url": address, "prices": PRICES, "takes_temperature": ["*"]}


def _azure(address: str) -> dict[str, Any]:
    return {"api_key": "sk-test", "endpoint": address, "prices": PRICES, "deployments": {MODEL: DEPLOYMENT}}


def _ollama(address: str) -> dict[str, Any]:
    return {"api_key": "sk-test", "host": address}


def _langchain(address: str) -> dict[str, Any]:
    return {
        "reference": "langchain_openai:ChatOpenAI",
        "kwargs": {"base_url": f"{address}/v1"},
        "secret_kwargs": {"api_key": "sk-test"},
        "prices": PRICES,
        "probe": True,
    }


@dataclass(frozen=True)
class Vendor:
    """A plugin, the server of its protocol and the options that lead to an address.

    Attributes:
        sent_model: What the server is asked for when the caller asks for ``MODEL``.
        priced: Whether tokens cost anything.
    """

    implementation: Any
    server: type[ModelServer]
    options: Callable[[str], dict[str, Any]]
    sent_model: str = MODEL
    priced: bool = True


class RoutedOpenAI(Router):
    """A router over one provider must keep the contract as the provider itself does."""

    Options = OpenAIProvider.Options

    def __init__(self, options: Any, context: PluginContext) -> None:
        self._provider = OpenAIProvider(options, context)
        breakers = Breakers(BreakerPolicy(), context.redis)
        super().__init__([Route("routed", self._provider, models=("*",))], breakers, RoutingPolicy(rounds=1))

    async def start(self) -> None:
        await self._provider.start()

    async def close(self) -> None:
        await self._provider.close()

    async def health_check(self) -> Health:
        return await self._provider.health_check()


VENDORS = {
    "openai": Vendor(OpenAIProvider, OpenAIServer, _openai),
    "anthropic": Vendor(AnthropicProvider, AnthropicServer, _anthropic),
    "azure": Vendor(AzureProvider, AzureServer, _azure, sent_model=DEPLOYMENT),
    "ollama": Vendor(OllamaProvider, OllamaServer, _ollama, priced=False),
    "langchain": Vendor(LangChainProvider, OpenAIServer, _langchain),
    "router": Vendor(RoutedOpenAI, OpenAIServer, _openai),
}


@dataclass(frozen=True)
class Wire:
    """A provider, its server and how to make another one with other options."""

    provider: LLMProvider
    server: ModelServer
    vendor: Vendor

    async def another(self, context: PluginContext, *, address: str = "", **options: Any) -> LLMProvider:
        return await _made(self.vendor, context, address or self.server.address, **options)

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        """Dollars by the prices of the test."""
        return input_tokens * 2e-6 + output_tokens * 10e-6 if self.vendor.priced else 0.0


async def _made(vendor: Vendor, context: PluginContext, address: str, **options: Any) -> LLMProvider:
    given = {**vendor.options(address), "default_model": MODEL, "timeout": 5, **options}
    provider: LLMProvider = vendor.implementation(vendor.implementation.Options.model_validate(given), context)
    await provider.start()
    return provider


@pytest.fixture(params=VENDORS)
async def wire(request: pytest.FixtureRequest, plugin_context: PluginContext) -> AsyncIterator[Wire]:
    vendor = VENDORS[request.param]
    async with vendor.server().running() as server:
        provider = await _made(vendor, plugin_context, server.address)
        yield Wire(provider, server, vendor)
        await provider.close()


async def _stream(provider: LLMProvider) -> CompletionStream:
    stream = await provider.complete(STREAMED)
    assert not isinstance(stream, CompletionResponse)
    return stream


async def _read(stream: CompletionStream, seen: list[str]) -> None:
    async for piece in stream:
        seen.append(piece)


async def test_whole_answer_carries_text_tokens_and_cost(wire: Wire) -> None:
    answer = await wire.provider.complete(ASKED)
    assert isinstance(answer, CompletionResponse)
    assert (answer.text, answer.model, answer.finish_reason) == (ANSWER, MODEL, "stop")
    assert (answer.input_tokens, answer.output_tokens, answer.token_count) == (100, 20, 120)
    assert answer.cost_usd == pytest.approx(wire.cost(100, 20))
    assert answer.latency_ms > 0


async def test_streamed_answer_comes_in_pieces_and_ends_with_its_usage(wire: Wire) -> None:
    stream = await _stream(wire.provider)
    with pytest.raises(RuntimeError, match="not ended"):
        _ = stream.response
    assert [piece async for piece in stream] == list(WORDS)
    answer = stream.response
    assert (answer.text, answer.model, answer.finish_reason) == (ANSWER, MODEL, "stop")
    assert (answer.input_tokens, answer.output_tokens) == (100, 20)
    assert answer.cost_usd == pytest.approx(wire.cost(100, 20))
    await stream.aclose()
    assert stream.response == answer
    assert (wire.server.opened, wire.server.cancelled) == (1, 0)


async def test_request_reaches_the_server_as_asked_with_the_key(wire: Wire) -> None:
    await wire.provider.complete(ASKED)
    body = wire.server.bodies[0]
    assert wire.server.asked(0) == {"model": wire.vendor.sent_model, "max_tokens": 77, "temperature": 0.3}
    assert body["messages"][-1] == {"role": "user", "content": "How long do refunds take?"}
    assert "Be brief." in str(body)
    assert "sk-test" in "".join(wire.server.headers.get(name, "") for name in ("authorization", "x-api-key", "api-key"))


@pytest.mark.parametrize("asked", [ASKED, STREAMED], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.RATE_LIMITED, ProviderRateLimitError),
        (Fault.BROKEN, ProviderUnavailableError),
        (Fault.SILENT, ProviderUnavailableError),
        (Fault.BAD_KEY, ProviderError),
        (Fault.REDIRECTED, ProviderError),
    ],
)
async def test_failure_before_the_first_token_is_raised_to_the_caller_in_our_words(
    wire: Wire, plugin_context: PluginContext, asked: CompletionRequest, fault: Fault, expected: type[ProviderError]
) -> None:
    # Only silence has to be waited for; elsewhere a short timeout would end the call before the server refused it.
    provider = await wire.another(plugin_context, timeout=0.3 if fault is Fault.SILENT else 10.0)
    wire.server.fault = fault
    with pytest.raises(expected) as caught:
        await provider.complete(asked)
    assert type(caught.value) is expected
    assert wire.server.opened == 1, "retrying is the router's work"
    if isinstance(caught.value, ProviderRateLimitError):
        assert caught.value.retry_after_s == 7
    await provider.close()


@pytest.mark.parametrize("asked", [ASKED, STREAMED], ids=["whole", "streamed"])
async def test_nonsense_is_an_error_of_the_provider(wire: Wire, asked: CompletionRequest) -> None:
    wire.server.fault = Fault.NONSENSE
    with pytest.raises(ProviderError):
        await wire.provider.complete(asked)


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.ERROR_INSIDE])
async def test_stream_that_breaks_says_so_after_the_text_that_came(wire: Wire, fault: Fault) -> None:
    wire.server.fault = fault
    stream = await _stream(wire.provider)
    seen: list[str] = []
    with pytest.raises(ProviderUnavailableError):
        await _read(stream, seen)
    assert seen == list(WORDS[:2])
    assert stream.response.finish_reason == "error"
    assert stream.response.text == "".join(WORDS[:2])


async def test_stream_that_falls_silent_is_given_up_and_the_call_ended(
    wire: Wire, plugin_context: PluginContext
) -> None:
    provider = await wire.another(plugin_context, idle_timeout_s=0.2)
    wire.server.fault = Fault.STALLED
    stream = await _stream(provider)
    with pytest.raises(ProviderUnavailableError, match="silent"):
        await _read(stream, [])
    await wire.server.until_cancelled(1)
    await provider.close()


async def test_closing_a_stream_ends_the_upstream_call(wire: Wire) -> None:
    wire.server.fault = Fault.ENDLESS
    stream = await _stream(wire.provider)
    assert await anext(aiter(stream)) == WORDS[0]
    await stream.aclose()
    await wire.server.until_cancelled(1)
    assert stream.response.finish_reason == "cancelled"
    assert stream.response.text.startswith(WORDS[0])
    assert stream.response.output_tokens > 0
    assert [piece async for piece in stream] == []


async def test_stop_from_another_task_wakes_the_one_that_waits_for_a_piece(wire: Wire) -> None:
    wire.server.fault = Fault.STALLED
    stream = await _stream(wire.provider)
    seen: list[str] = []
    both = asyncio.Event()

    async def read() -> None:
        async for piece in stream:
            seen.append(piece)
            if len(seen) == 2:
                both.set()

    reader = asyncio.create_task(read())
    await both.wait()
    await stream.aclose()
    async with asyncio.timeout(2):
        await reader
        await wire.server.until_cancelled(1)
    assert stream.response.finish_reason == "cancelled"


async def test_cancelling_the_task_before_the_first_token_ends_the_upstream_call(wire: Wire) -> None:
    wire.server.fault = Fault.SILENT
    task = asyncio.create_task(_stream(wire.provider))
    await wire.server.until_opened(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await wire.server.until_cancelled(1)


async def test_cancelling_the_task_that_reads_ends_the_upstream_call(wire: Wire) -> None:
    wire.server.fault = Fault.STALLED
    stream = await _stream(wire.provider)
    assert [await anext(aiter(stream)) for _ in range(2)] == list(WORDS[:2])
    task = asyncio.create_task(_read(stream, []))
    await asyncio.sleep(0)  # let it begin to wait
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await wire.server.until_cancelled(1)
    assert stream.response.finish_reason == "cancelled"


async def test_health_says_what_is_wrong_and_never_raises(wire: Wire, plugin_context: PluginContext) -> None:
    assert (await wire.provider.health_check()).status is PluginStatus.HEALTHY
    wire.server.fault = Fault.BROKEN
    unwell = await wire.provider.health_check()
    assert unwell.status is PluginStatus.BROKEN
    assert "not working" in unwell.detail
    away = await wire.another(plugin_context, address="http://127.0.0.1:9")
    assert "does not answer" in (await away.health_check()).detail
    await away.close()
    assert "not started" in (await away.health_check()).detail


async def test_models_and_costs_are_told_without_a_call(wire: Wire, plugin_context: PluginContext) -> None:
    provider = await wire.another(plugin_context, models=["other", MODEL])
    assert isinstance(provider, Plugin)
    assert provider.get_supported_models() == (MODEL, "other")
    assert provider.calculate_cost(1_000_000, 0, MODEL) == pytest.approx(wire.cost(1_000_000, 0))
    dated = provider.calculate_cost(0, 1_000_000, f"{MODEL}-2026-01-31")
    assert dated == pytest.approx(wire.cost(0, 1_000_000))
    assert provider.calculate_cost(1_000_000, 1_000_000, "unknown") == 0.0
    await provider.close()
    await provider.close()
