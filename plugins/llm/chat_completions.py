"""How is a completion asked of a server with OpenAI's chat completions protocol, whoever runs it?

Protocol: ``POST …/chat/completions``, streamed as server-sent events with usage in the last one
(``stream_options.include_usage``), and ``GET …/models``.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar

from core.errors import ProviderError, ProviderUnavailableError
from core.types import CompletionRequest, CompletionResponse, Health, PluginStatus
from plugins.interfaces import CompletionStream
from plugins.llm.routing.streaming import Pricing, StreamDelta, TextStream
from plugins.vendors.upstream import translated

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletion, ChatCompletionChunk

_HEALTH_TIMEOUT_S = 4.0


@dataclass(frozen=True, slots=True)
class ChatRules:
    """What differs between servers.

    Attributes:
        length_name: Parameter that limits the answer.
        fixed_temperature: Globs of models that refuse a temperature.
        idle_timeout_s: Between two pieces of a stream.
    """

    length_name: str
    fixed_temperature: tuple[str, ...]
    idle_timeout_s: float


class ChatCompletionsProvider(ABC):
    """Chat completions through the official client, which ``start`` of the subclass makes."""

    SERVICE: ClassVar[str]

    def __init__(self, rules: ChatRules, default_model: str) -> None:
        self._rules = rules
        self._default_model = default_model
        self._client: AsyncOpenAI | None = None

    @abstractmethod
    def calculate_cost(self, input_tokens: int, output_tokens: int, model: str) -> float:
        """See ``LLMProvider``."""

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def health_check(self) -> Health:
        started = time.perf_counter()
        try:
            with translated(self.SERVICE):
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
        with translated(self.SERVICE):
            answer: ChatCompletion = await self._connected.chat.completions.create(**self._asked(request))
        return self._whole(request, answer, started)

    @property
    def _connected(self) -> AsyncOpenAI:
        if self._client is None:
            raise ProviderUnavailableError(f"{self.SERVICE} was not started, or was closed.")
        return self._client

    def _asked(self, request: CompletionRequest) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "model": request.model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            self._rules.length_name: request.max_tokens,
        }
        if not any(fnmatchcase(request.model, pattern) for pattern in self._rules.fixed_temperature):
            asked["temperature"] = request.temperature
        return asked

    async def _streamed(self, request: CompletionRequest, started: float) -> CompletionStream:
        with translated(self.SERVICE):
            upstream: AsyncStream[ChatCompletionChunk] = await self._connected.chat.completions.create(
                **self._asked(request), stream=True, stream_options={"include_usage": True}
            )
        stream = TextStream(
            request,
            _pieces(upstream),
            upstream.close,
            Pricing(self.SERVICE, self.calculate_cost),
            idle_timeout_s=self._rules.idle_timeout_s,
            started=started,
        )
        return await stream.prime()

    def _whole(self, request: CompletionRequest, answer: ChatCompletion, started: float) -> CompletionResponse:
        # Servers that only resemble OpenAI leave things out, whatever the client's types promise.
        if not isinstance(getattr(answer, "choices", None), list) or not answer.choices:
            raise ProviderError(
                f"{self.SERVICE} answered without an answer.", next_step="Check its address and version."
            )
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


async def _pieces(upstream: AsyncStream[ChatCompletionChunk]) -> AsyncIterator[StreamDelta]:
    async for chunk in upstream:
        choice = chunk.choices[0] if chunk.choices else None
        yield StreamDelta(
            text=((choice.delta.content or choice.delta.refusal or "") if choice and choice.delta else ""),
            model=chunk.model or None,
            input_tokens=chunk.usage.prompt_tokens if chunk.usage else None,
            output_tokens=chunk.usage.completion_tokens if chunk.usage else None,
            finish_reason=choice.finish_reason if choice else None,
        )
