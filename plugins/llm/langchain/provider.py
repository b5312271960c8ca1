"""How is a completion asked of any chat model of LangChain?

A call gets a copy of the model with its own temperature, length and name: these are fields of every class, while the
arguments that a call takes differ from class to class. A copy shares the connections of the original.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from core.errors import ConfigurationError, ProviderError, ProviderUnavailableError
from core.types import CompletionRequest, CompletionResponse, Health, Message, PluginStatus
from plugins.interfaces import CompletionStream, PluginContext
from plugins.llm.langchain.options import LangChainChatOptions, Setting
from plugins.llm.routing.prices import cost_usd
from plugins.llm.routing.streaming import Pricing, StreamDelta, TextStream
from plugins.vendors.langchain_classes import CLIENT_FIELD, build, fields_of, load, own_client
from plugins.vendors.upstream import translated

if TYPE_CHECKING:
    import httpx2
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, AIMessageChunk

_HEALTH_TIMEOUT_S = 4.0
_USUAL: Mapping[Setting, tuple[str, ...]] = {
    "model": ("model_name", "model", "model_id"),
    "temperature": ("temperature",),
    "max_tokens": ("max_tokens", "max_output_tokens", "num_predict", "max_new_tokens"),
}
_PRESET: Mapping[str, Any] = {
    "max_retries": 0,  # retrying is the router's work
    "stream_usage": True,  # tokens of streams, which some classes ask for at the vendor's own address only
}
_REASONS = ("finish_reason", "stop_reason", "done_reason")
_FINISH = {"end_turn": "stop", "stop_sequence": "stop", "stop": "stop", "max_tokens": "length"}


class LangChainProvider:
    """A chat model class, wrapped."""

    Options = LangChainChatOptions

    def __init__(self, options: LangChainChatOptions, context: PluginContext) -> None:
        del context  # the class brings its own connections
        self._options = options
        self._service = options.reference.partition(":")[2]
        self._model: BaseChatModel | None = None
        self._client: httpx2.AsyncClient | None = None
        self._fields: Mapping[Setting, str] = {}

    async def start(self) -> None:
        self._model = await asyncio.to_thread(self._built)

    async def close(self) -> None:
        # LangChain's classes have no way to be closed; what they hold goes with them.
        self._model = None
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def health_check(self) -> Health:
        started = time.perf_counter()
        probe = CompletionRequest(messages=(Message(role="user", content="Hi"),), model="", max_tokens=1)
        try:
            if self._started and self._options.probe:
                async with asyncio.timeout(_HEALTH_TIMEOUT_S):
                    await self.complete(probe)
        except TimeoutError:
            return Health(PluginStatus.BROKEN, f"{self._service} does not answer.")
        except ProviderError as error:
            return Health(PluginStatus.BROKEN, str(error))
        return Health(PluginStatus.HEALTHY, latency_ms=(time.perf_counter() - started) * 1000)

    async def complete(self, request: CompletionRequest) -> CompletionResponse | CompletionStream:
        request = request if request.model else request.model_copy(update={"model": self._options.default_model})
        model = self._set_for(request)
        pieces = self._streamed(model, request) if request.stream else self._whole(model, request)
        stream = TextStream(
            request,
            pieces,
            pieces.aclose,
            Pricing(self._service, self.calculate_cost),
            idle_timeout_s=self._options.idle_timeout_s if request.stream else self._options.timeout,
            started=time.perf_counter(),
        )
        with translated(self._service):
            async with asyncio.timeout(self._options.timeout):
                await stream.prime()
        if request.stream:
            return stream
        async for _ in stream:
            pass
        return stream.response

    def calculate_cost(self, input_tokens: int, output_tokens: int, model: str) -> float:
        return cost_usd(self._options.prices, input_tokens, output_tokens, model)

    def get_supported_models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self._options.default_model, *self._options.models)))

    @property
    def _started(self) -> BaseChatModel:
        if self._model is None:
            raise ProviderUnavailableError(f"{self._service} was not started, or was closed.")
        return self._model

    def _built(self) -> BaseChatModel:
        from langchain_core.language_models import BaseChatModel

        implementation = load(self._options, BaseChatModel)  # type: ignore[type-abstract]  # only compared with
        self._fields = _fields(self._options, frozenset(fields_of(implementation)))
        self._client = own_client(implementation, self._options.timeout)
        named = {self._fields.get("model", ""): self._options.default_model}
        return build(implementation, self._options, {**_PRESET, **named, CLIENT_FIELD: self._client})

    def _set_for(self, request: CompletionRequest) -> BaseChatModel:
        settings: dict[Setting, Any] = {
            "model": request.model,
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
        }
        return self._started.model_copy(update={self._fields[key]: settings[key] for key in self._fields})

    async def _streamed(self, model: BaseChatModel, request: CompletionRequest) -> AsyncGenerator[StreamDelta, None]:
        used, ended = _Usage(), False
        with translated(self._service, foreign=True):
            upstream = cast("AsyncGenerator[AIMessageChunk, None]", model.astream(_messages(request)))
            async with aclosing(upstream) as chunks:
                async for chunk in chunks:
                    piece = used.piece(chunk)
                    ended = ended or piece.finish_reason is not None
                    yield piece
        if not ended:
            yield self._ended_without_reason()

    async def _whole(self, model: BaseChatModel, request: CompletionRequest) -> AsyncGenerator[StreamDelta, None]:
        with translated(self._service, foreign=True):
            answer = await model.ainvoke(_messages(request))
        piece = _Usage().piece(answer)
        yield piece
        if piece.finish_reason is None:
            yield self._ended_without_reason()

    def _ended_without_reason(self) -> StreamDelta:
        if self._options.finish_reason == "optional":
            return StreamDelta(finish_reason="stop")
        raise ProviderUnavailableError(
            f"{self._service} ended without a reason, so that its answer may be cut off.",
            next_step="If this class never gives one, set finish_reason: optional.",
        )


class _Usage:
    """Adds up the tokens of a stream: each of its messages tells those that came since the last."""

    def __init__(self) -> None:
        self._input_tokens: int | None = None
        self._output_tokens: int | None = None

    def piece(self, message: AIMessage) -> StreamDelta:
        if usage := message.usage_metadata:
            self._input_tokens = (self._input_tokens or 0) + usage["input_tokens"]
            self._output_tokens = (self._output_tokens or 0) + usage["output_tokens"]
        told = message.response_metadata
        reason = next((str(told[key]) for key in _REASONS if told.get(key)), None)
        return StreamDelta(
            text=str(message.text),
            model=told.get("model_name") or told.get("model") or None,
            input_tokens=self._input_tokens,
            output_tokens=self._output_tokens,
            finish_reason=_FINISH.get(reason.lower(), reason) if reason else None,
        )


def _fields(options: LangChainChatOptions, known: frozenset[str]) -> dict[Setting, str]:
    chosen: dict[Setting, str] = {}
    for setting, usual in _USUAL.items():
        name = options.fields.get(setting, next((name for name in usual if name in known), ""))
        if name and name not in known:
            raise ConfigurationError(f"fields.{setting}: found {name!r}; {options.reference} has no such field.")
        if name:
            chosen[setting] = name
    return chosen


def _messages(request: CompletionRequest) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in request.messages]
