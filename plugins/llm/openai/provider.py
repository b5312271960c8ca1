"""How is a completion asked of OpenAI, or of any server with its protocol?

Protocol: ``POST {base_url}/chat/completions``, streamed as server-sent events with usage in the last one
(``stream_options.include_usage``), and ``GET {base_url}/models``.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from core.errors import ConfigurationError, ProviderError, ProviderUnavailableError
from core.types import CompletionRequest, CompletionResponse, Health, PluginStatus
from plugins.interfaces import CompletionStream, PluginContext
from plugins.llm.openai.options import VENDOR_MODEL, OpenAIOptions
from plugins.llm.prices import cost_usd
from plugins.streaming import Piece, Pricing, TextStream
from plugins.upstream import translated

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletion, ChatCompletionChunk

SERVICE = "The model server"
_HEALTH_TIMEOUT_S = 4.0


class OpenAIProvider:
    """Chat completions through the official client."""

    Options = OpenAIOptions

    def __init__(self, options: OpenAIOptions, context: PluginContext) -> None:
        del context  # the official client needs an HTTP client of its own kind
        if options.is_vendor and not options.api_key.get_secret_value():
            raise ConfigurationError("api_key: found nothing; OpenAI needs a key.", next_step="Set OPENAI_API_KEY.")
        self._options = options
        self._default_model = options.default_model or (VENDOR_MODEL if options.is_vendor else "")
        self._client: AsyncOpenAI | None = None

    async def start(self) -> None:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        # No redirects: they would carry passages to a host that nobody agreed to. Retrying is the router's work.
        self._client = AsyncOpenAI(
            api_key=self._options.api_key.get_secret_value() or "none",
            base_url=self._options.base_url,
            timeout=self._options.timeout_s,
            max_retries=0,
            http_client=DefaultAsyncHttpxClient(follow_redirects=False, timeout=self._options.timeout_s),
        )
        if not self._default_model:
            self._default_model = await self._first_listed_model()

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def health_check(self) -> Health:
        started = time.perf_counter()
        try:
            with translated(SERVICE):
                await self._connected.with_options(timeout=_HEALTH_TIMEOUT_S).models.list()
        except ProviderError as error:
            if "status 404" not in error.message:  # some servers list no models and still answer
                return Health(PluginStatus.BROKEN, str(error))
        return Health(PluginStatus.HEALTHY, latency_ms=(time.perf_counter() - started) * 1000)

    async def complete(self, request: CompletionRequest) -> CompletionResponse | CompletionStream:
        request = request if request.model else request.model_copy(update={"model": self._default_model})
        started = time.perf_counter()
        if request.stream:
            return await self._streamed(request, started)
        with translated(SERVICE):
            answer: ChatCompletion = await self._connected.chat.completions.create(**self._asked(request))
        return self._whole(request, answer, started)

    def calculate_cost(self, input_tokens: int, output_tokens: int, model: str) -> float:
        return cost_usd(self._options.all_prices, input_tokens, output_tokens, model)

    def get_supported_models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name in (self._default_model, *self._options.models) if name))

    @property
    def _connected(self) -> AsyncOpenAI:
        if self._client is None:
            raise ProviderUnavailableError(f"{SERVICE} was not started, or was closed.")
        return self._client

    async def _first_listed_model(self) -> str:
        with translated(SERVICE):
            listed = await self._connected.models.list()
        names = [model.id for model in listed.data or ()]
        if not names:
            raise ConfigurationError("default_model: found nothing, and the server lists no model.")
        return names[0]

    def _asked(self, request: CompletionRequest) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "model": request.model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            self._options.length_name: request.max_tokens,
        }
        if not any(fnmatchcase(request.model, pattern) for pattern in self._options.fixed_temperature):
            asked["temperature"] = request.temperature
        return asked

    async def _streamed(self, request: CompletionRequest, started: float) -> CompletionStream:
        with translated(SERVICE):
            upstream: AsyncStream[ChatCompletionChunk] = await self._connected.chat.completions.create(
                **self._asked(request), stream=True, stream_options={"include_usage": True}
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

    def _whole(self, request: CompletionRequest, answer: ChatCompletion, started: float) -> CompletionResponse:
        # Servers that only resemble OpenAI leave things out, whatever the client's types promise.
        if not isinstance(getattr(answer, "choices", None), list) or not answer.choices:
            raise ProviderError(f"{SERVICE} answered without an answer.", next_step="Check its address and version.")
        choice, usage = answer.choices[0], answer.usage
        text = choice.message.content or choice.message.refusal or ""
        input_tokens, output_tokens = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
        return CompletionResponse(
            text=text,
            model=answer.model or request.model,
            token_count=input_tokens + output_tokens,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            latency_ms=(time.perf_counter() - started) * 1000,
            cost_usd=self.calculate_cost(input_tokens, output_tokens, answer.model or request.model),
            timestamp=datetime.now(UTC),
            finish_reason=choice.finish_reason or "stop",
        )


async def _pieces(upstream: AsyncStream[ChatCompletionChunk]) -> AsyncIterator[Piece]:
    async for chunk in upstream:
        choice = chunk.choices[0] if chunk.choices else None
        yield Piece(
            text=((choice.delta.content or choice.delta.refusal or "") if choice and choice.delta else ""),
            model=chunk.model or None,
            input_tokens=chunk.usage.prompt_tokens if chunk.usage else None,
            output_tokens=chunk.usage.completion_tokens if chunk.usage else None,
            finish_reason=choice.finish_reason if choice else None,
        )
