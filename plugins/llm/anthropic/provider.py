"""How is a completion asked of Anthropic?

Protocol: ``POST /v1/messages`` in the version the client names (2026-10-21 when written), streamed as
server-sent events; ``GET /v1/models``.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from core.errors import ProviderError, ProviderUnavailableError
from core.types import CompletionRequest, CompletionResponse, Health, PluginStatus
from plugins.interfaces import CompletionStream, PluginContext
from plugins.llm.anthropic.options import AnthropicOptions
from plugins.llm.routing.prices import cost_usd
from plugins.llm.routing.streaming import Pricing, StreamDelta, TextStream
from plugins.vendors.upstream import translated

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic, AsyncStream
    from anthropic.types import Message, RawMessageStreamEvent

SERVICE = "Anthropic"
_HEALTH_TIMEOUT_S = 4.0
_FINISH = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length"}


class AnthropicProvider:
    """Messages through the official client."""

    Options = AnthropicOptions

    def __init__(self, options: AnthropicOptions, context: PluginContext) -> None:
        del context  # the official client needs an HTTP client of its own kind
        self._options = options
        self._client: AsyncAnthropic | None = None

    async def start(self) -> None:
        from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient

        # No redirects: they would carry passages to a host that nobody agreed to. Retrying is the router's work.
        self._client = AsyncAnthropic(
            api_key=self._options.api_key.get_secret_value(),
            base_url=self._options.base_url,
            timeout=self._options.timeout,
            max_retries=0,
            http_client=DefaultAsyncHttpxClient(follow_redirects=False, timeout=self._options.timeout),
        )

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def health_check(self) -> Health:
        started = time.perf_counter()
        try:
            with translated(SERVICE):
                await self._connected.with_options(timeout=_HEALTH_TIMEOUT_S).models.list(limit=1)
        except ProviderError as error:
            return Health(PluginStatus.BROKEN, str(error))
        return Health(PluginStatus.HEALTHY, latency_ms=(time.perf_counter() - started) * 1000)

    async def complete(self, request: CompletionRequest) -> CompletionResponse | CompletionStream:
        request = request if request.model else request.model_copy(update={"model": self._options.first_model})
        started = time.perf_counter()
        if request.stream:
            return await self._streamed(request, started)
        with translated(SERVICE):
            answer: Message = await self._connected.messages.create(**self._asked(request))
        return self._whole(answer, started)

    def calculate_cost(self, input_tokens: int, output_tokens: int, model: str) -> float:
        return cost_usd(self._options.all_prices, input_tokens, output_tokens, model)

    def get_supported_models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self._options.first_model, *self._options.models)))

    @property
    def _connected(self) -> AsyncAnthropic:
        if self._client is None:
            raise ProviderUnavailableError(f"{SERVICE} was not started, or was closed.")
        return self._client

    def _asked(self, request: CompletionRequest) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "model": request.model,
            "max_tokens": request.max_tokens,
            "messages": [
                {"role": message.role, "content": message.content}
                for message in request.messages
                if message.role != "system"
            ],
        }
        if system := "\n\n".join(message.content for message in request.messages if message.role == "system"):
            asked["system"] = system
        if any(fnmatchcase(request.model, pattern) for pattern in self._options.takes_temperature):
            # In the body itself: the client's newer versions have no argument for it. The scale ends at 1 here.
            asked["extra_body"] = {"temperature": min(request.temperature, 1.0)}
        return asked

    async def _streamed(self, request: CompletionRequest, started: float) -> CompletionStream:
        with translated(SERVICE):
            upstream: AsyncStream[RawMessageStreamEvent] = await self._connected.messages.create(
                **self._asked(request), stream=True
            )
        stream = TextStream(
            request,
            _pieces(upstream),
            upstream.close,
            Pricing(SERVICE, self.calculate_cost),
            idle_timeout_s=self._options.idle_timeout_s,
            started=started,
        )
        return await stream.prime()

    def _whole(self, answer: Message, started: float) -> CompletionResponse:
        # What stands between us and Anthropic may answer anything, whatever the client's types promise.
        if not isinstance(getattr(answer, "content", None), list) or getattr(answer, "usage", None) is None:
            raise ProviderError(f"{SERVICE} answered without an answer.", next_step="Check the address.")
        used = answer.usage
        return CompletionResponse(
            text="".join(block.text for block in answer.content if block.type == "text"),
            model=answer.model,
            token_count=used.input_tokens + used.output_tokens,
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            latency_ms=(time.perf_counter() - started) * 1000,
            cost_usd=self.calculate_cost(used.input_tokens, used.output_tokens, answer.model),
            timestamp=datetime.now(UTC),
            finish_reason=_finish(answer.stop_reason) or "stop",
        )


async def _pieces(upstream: AsyncStream[RawMessageStreamEvent]) -> AsyncIterator[StreamDelta]:
    reason: str | None = None
    async for event in upstream:
        if event.type == "message_start":
            yield StreamDelta(model=event.message.model, input_tokens=event.message.usage.input_tokens)
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            yield StreamDelta(text=event.delta.text)
        elif event.type == "message_delta":
            reason = _finish(event.delta.stop_reason)
            yield StreamDelta(output_tokens=event.usage.output_tokens)
        elif event.type == "message_stop":
            # Only this event says that nothing is missing.
            yield StreamDelta(finish_reason=reason or "stop")


def _finish(reason: str | None) -> str | None:
    return _FINISH.get(reason, reason) if reason else None
