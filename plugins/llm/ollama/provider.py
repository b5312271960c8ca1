"""How is a completion asked of Ollama?

Protocol: ``POST /api/chat``, always streamed as one JSON object a line; the last one, with ``done``, carries the
reason and the tokens (``prompt_eval_count``, ``eval_count``). ``GET /api/tags`` lists the models.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from core.errors import ConfigurationError, ProviderError, ProviderUnavailableError
from core.types import CompletionRequest, CompletionResponse, Health, PluginStatus
from plugins.interfaces import CompletionStream, PluginContext
from plugins.llm.ollama.options import OllamaOptions
from plugins.llm.routing.streaming import Pricing, StreamDelta, TextStream
from plugins.vendors.ollama_server import CHAT, SERVICE, OllamaServer, mapping, not_pulled
from plugins.vendors.upstream import translated

if TYPE_CHECKING:
    import httpx

_HEALTH_TIMEOUT_S = 4.0


class OllamaProvider:
    """Chat with models that somebody runs at home."""

    Options = OllamaOptions

    def __init__(self, options: OllamaOptions, context: PluginContext) -> None:
        self._options = options
        self._context = context
        self._default_model = options.default_model or (options.models[0] if options.models else "")
        self._server: OllamaServer | None = None

    async def start(self) -> None:
        options = self._options
        self._server = OllamaServer(
            self._context.http, options.host, options.api_key.get_secret_value(), options.timeout
        )
        if not self._default_model:
            models = await self._started.models()
            if not models:
                raise ConfigurationError(
                    "default_model: found nothing, and the server has no model.", next_step="Run: ollama pull MODEL"
                )
            self._default_model = models[0]

    async def close(self) -> None:
        self._server = None

    async def health_check(self) -> Health:
        started = time.perf_counter()
        try:
            if await self._started.lacks(self._default_model, timeout_s=_HEALTH_TIMEOUT_S):
                raise not_pulled(self._default_model)
        except ProviderError as error:
            return Health(PluginStatus.BROKEN, str(error))
        return Health(PluginStatus.HEALTHY, latency_ms=(time.perf_counter() - started) * 1000)

    async def complete(self, request: CompletionRequest) -> CompletionResponse | CompletionStream:
        request = request if request.model else request.model_copy(update={"model": self._default_model})
        started = time.perf_counter()
        with translated(SERVICE):
            async with asyncio.timeout(self._options.timeout):
                stream = await self._streamed(request, started)
                if request.stream:
                    return stream
                # A whole answer is read as a stream too, so that a model that fell silent is noticed soon.
                async for _ in stream:
                    pass
                return stream.response

    def calculate_cost(self, input_tokens: int, output_tokens: int, model: str) -> float:
        return 0.0

    def get_supported_models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name in (self._default_model, *self._options.models) if name))

    @property
    def _started(self) -> OllamaServer:
        if self._server is None:
            raise ProviderUnavailableError(f"{SERVICE} was not started, or was closed.")
        return self._server

    def _asked(self, request: CompletionRequest) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "model": request.model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "stream": True,
            "keep_alive": self._options.keep_alive,
            "options": {
                "temperature": request.temperature,
                "num_predict": request.max_tokens,
                "num_ctx": self._options.context_tokens,
            },
        }
        if self._options.think is not None:
            asked["think"] = self._options.think
        return asked

    async def _streamed(self, request: CompletionRequest, started: float) -> TextStream:
        response = await self._started.opened(CHAT, self._asked(request))
        stream = TextStream(
            request,
            _pieces(response),
            response.aclose,
            Pricing(SERVICE, self.calculate_cost),
            idle_timeout_s=self._options.idle_timeout_s,
            started=started,
        )
        return await stream.prime()


async def _pieces(response: httpx.Response) -> AsyncIterator[StreamDelta]:
    async for line in response.aiter_lines():
        if not line.strip():
            continue
        event = mapping(json.loads(line))
        if "error" in event:
            raise ProviderUnavailableError(f"{SERVICE} broke off with an error.", next_step="See its own log.")
        message = event.get("message")
        yield StreamDelta(
            text=str(message.get("content") or "") if isinstance(message, dict) else "",
            model=event.get("model") or None,
            input_tokens=_count(event.get("prompt_eval_count")),
            output_tokens=_count(event.get("eval_count")),
            # Servers before 0.1.30 end without a reason.
            finish_reason=str(event.get("done_reason") or "stop") if event.get("done") else None,
        )


def _count(found: object) -> int | None:
    return found if isinstance(found, int) else None
