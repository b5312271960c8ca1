"""How does an answer come piece by piece, and how is it stopped?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from core.errors import KnowledgeFoundryError, ProviderError, ProviderUnavailableError
from core.types import CompletionRequest, CompletionResponse
from plugins.vendors.upstream import translate

_CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class StreamDelta:
    """What one event of a vendor's stream told; what it did not tell is None."""

    text: str = ""
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    finish_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Pricing:
    """Who answers and what it costs: dollars for input tokens, output tokens, model."""

    service: str
    cost: Callable[[int, int, str], float]


class TextStream:
    """A ``CompletionStream`` over a vendor's events.

    Each event is awaited in a task of its own, so that ``aclose`` from another task ends the upstream call even while
    somebody waits for the next piece. When the vendor does not tell the tokens they are estimated from the text.
    """

    def __init__(
        self,
        request: CompletionRequest,
        pieces: AsyncIterator[StreamDelta],
        close_upstream: Callable[[], Awaitable[None]],
        pricing: Pricing,
        *,
        idle_timeout_s: float,
        started: float | None = None,
    ) -> None:
        self._request = request
        self._pieces = pieces
        self._close_upstream = close_upstream
        self._pricing = pricing
        self._idle_timeout_s = idle_timeout_s
        self._started = time.perf_counter() if started is None else started
        self._waiting: asyncio.Task[StreamDelta] | None = None
        self._first: list[str] = []
        self._text: list[str] = []
        self._model = request.model
        self._input_tokens: int | None = None
        self._output_tokens: int | None = None
        self._finish_reason: str | None = None
        self._response: CompletionResponse | None = None

    async def prime(self) -> Self:
        """Wait for the first text, so that what fails before it is raised to whoever asked.

        Raises:
            ProviderError: And its subclasses; nothing was answered.
        """
        with suppress(StopAsyncIteration):  # an empty answer is an answer
            self._first.append(await anext(self))
        return self

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        if self._first:
            return self._first.pop()
        while self._response is None:
            text = await self._next_text()
            if text:
                return text
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """See ``CompletionStream``; calling it twice, or after the end, is harmless."""
        if self._response is None:
            await self._end("cancelled")

    @property
    def response(self) -> CompletionResponse:
        if self._response is None:
            raise RuntimeError("the stream has not ended; iterate it to its end or close it first")
        return self._response

    async def _next_text(self) -> str:
        self._waiting = asyncio.ensure_future(anext(self._pieces))
        try:
            done, _ = await asyncio.wait({self._waiting}, timeout=self._idle_timeout_s)
        except asyncio.CancelledError:
            await self._end("cancelled")
            raise
        if self._response is not None:  # closed by somebody else meanwhile
            return ""
        if not done:
            await self._end("error")
            raise ProviderUnavailableError(f"{self._pricing.service} fell silent for {self._idle_timeout_s:g} s.")
        try:
            piece = self._waiting.result()
        except StopAsyncIteration:
            return await self._ended()
        except Exception as error:
            await self._end("error")
            raise self._broken(error) from error
        self._take(piece)
        return piece.text

    async def _ended(self) -> str:
        if self._finish_reason is None:
            await self._end("error")
            raise ProviderUnavailableError(f"{self._pricing.service} broke off in the middle of the answer.")
        await self._end(self._finish_reason)
        return ""

    def _broken(self, error: Exception) -> KnowledgeFoundryError | Exception:
        ours = error if isinstance(error, KnowledgeFoundryError) else translate(error, self._pricing.service)
        if isinstance(ours, ProviderError) and not ours.retryable and any(self._text):
            # Whatever breaks after text was seen is a broken stream: another provider may still answer.
            return ProviderUnavailableError(f"{self._pricing.service} broke off in the middle of the answer.")
        return ours or error

    def _take(self, piece: StreamDelta) -> None:
        self._text.append(piece.text)
        self._model = piece.model or self._model
        self._finish_reason = piece.finish_reason or self._finish_reason
        self._input_tokens = self._input_tokens if piece.input_tokens is None else piece.input_tokens
        self._output_tokens = self._output_tokens if piece.output_tokens is None else piece.output_tokens

    async def _end(self, finish_reason: str) -> None:
        # The response comes first: whoever waits for a piece must see that the end is wanted.
        self._response = self._made_response(finish_reason)
        waiting = self._waiting
        if waiting is not None and not waiting.done():
            waiting.cancel()
            await asyncio.wait({waiting})
        await self._close_upstream()

    def _made_response(self, finish_reason: str) -> CompletionResponse:
        text = "".join(self._text)
        asked = sum(len(message.content) for message in self._request.messages)
        input_tokens = asked // _CHARS_PER_TOKEN if self._input_tokens is None else self._input_tokens
        output_tokens = -(-len(text) // _CHARS_PER_TOKEN) if self._output_tokens is None else self._output_tokens
        return CompletionResponse(
            text=text,
            model=self._model,
            token_count=input_tokens + output_tokens,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            latency_ms=(time.perf_counter() - self._started) * 1000,
            cost_usd=self._pricing.cost(input_tokens, output_tokens, self._model),
            timestamp=datetime.now(UTC),
            finish_reason=finish_reason,
        )
