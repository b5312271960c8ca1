"""How does one call of one provider begin and end?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NoReturn

import structlog

from core.errors import ProviderError, ProviderUnavailableError
from core.types import CompletionRequest, CompletionResponse
from plugins.interfaces import CallListener, CallStatus, CompletionStream
from plugins.llm.routing.breaker import Breakers
from plugins.llm.routing.calls import OpenCall, status_of, used_by
from plugins.llm.routing.routes import Load, Target

log = structlog.get_logger(__name__)


class Attempt:
    """One call of one provider; whichever end comes first is counted."""

    def __init__(self, target: Target, breakers: Breakers, load: Load, listener: CallListener | None) -> None:
        self.target = target
        self._breakers = breakers
        self._load = load
        self._call = OpenCall(target.key.provider, target.key.model, listener)
        load.begun(target.route)

    async def make(self, request: CompletionRequest, timeout_s: float) -> CompletionResponse | LiveStream:
        """Call the provider and wait until it begins to answer.

        Raises:
            ProviderError: It did not; this is counted.
        """
        stream: CompletionStream | None = None
        try:
            async with asyncio.timeout(timeout_s) as limit:
                answer = await self.target.route.provider.complete(
                    request.model_copy(update={"model": self.target.model})
                )
                if not isinstance(answer, CompletionResponse):
                    pieces = aiter(answer)
                    stream = answer
                    return LiveStream(self, stream, pieces, await anext(pieces, ""))
        except (Exception, asyncio.CancelledError) as error:
            await self.raise_failure(error, limit.expired(), timeout_s, stream)
        await self.succeeded(answer)
        return answer

    async def succeeded(self, response: CompletionResponse | None) -> None:
        """The answer is complete."""
        if self._end(CallStatus.OK, response):
            await self._breakers.succeeded(self.target.key)

    async def cancelled(self, response: CompletionResponse | None) -> None:
        """Whoever asked wants no more."""
        if self._end(CallStatus.CANCELLED, response):
            await self._breakers.released(self.target.key)

    async def raise_failure(
        self,
        error: Exception | asyncio.CancelledError,
        timed_out: bool,
        timeout_s: float,
        stream: CompletionStream | None,
    ) -> NoReturn:
        """Count the failure, close the stream and raise it in our words; cancellation is raised as it is."""
        if stream is not None:
            await _close(stream)
        used = used_by(stream) if stream is not None else None
        if not isinstance(error, Exception):
            await self.cancelled(used)
            raise error
        failure, status = self._understood(error, timed_out, timeout_s)
        if self._end(status, used):
            await self._count_failure(failure, status)
        if failure is error:
            raise error
        raise failure from error

    def _understood(self, error: Exception, timed_out: bool, timeout_s: float) -> tuple[ProviderError, CallStatus]:
        name = self.target.route.name
        if isinstance(error, ProviderError):
            return error, status_of(error)
        if isinstance(error, TimeoutError) and timed_out:
            return ProviderUnavailableError(f"{name} was silent for {timeout_s:g} s."), CallStatus.UNAVAILABLE
        # A mistake in a plugin must not end the answer; the next provider has its turn.
        log.error("provider_raised", provider=name, error_type=type(error).__name__, exc_info=error)
        return ProviderUnavailableError(f"{name} does not work: {type(error).__name__}."), CallStatus.FAILED

    async def _count_failure(self, failure: ProviderError, status: CallStatus) -> None:
        log.warning("provider_failed", provider=self.target.route.name, model=self.target.model, reason=failure.code)
        # A refusal says something about the request, not about the next one.
        breakers = self._breakers
        await (breakers.released if status is CallStatus.REFUSED else breakers.failed)(self.target.key)

    def _end(self, status: CallStatus, response: CompletionResponse | None) -> bool:
        if self._call.is_over:
            return False
        self._call.ended(status, response)
        self._load.over(self.target.route)
        return True


class LiveStream:
    """A stream that has begun, its first piece already read."""

    def __init__(self, attempt: Attempt, stream: CompletionStream, pieces: AsyncIterator[str], first: str) -> None:
        self.target = attempt.target
        self.stream = stream
        self.first = first
        self._attempt = attempt
        self._pieces = pieces

    async def next_piece(self, timeout_s: float) -> str:
        """The next piece.

        Raises:
            StopAsyncIteration: The answer is complete.
            ProviderError: It broke off or fell silent; it is counted and closed.
        """
        try:
            async with asyncio.timeout(timeout_s) as limit:
                return await anext(self._pieces)
        except StopAsyncIteration:
            await self._attempt.succeeded(used_by(self.stream))
            raise
        except (Exception, asyncio.CancelledError) as error:
            await self._attempt.raise_failure(error, limit.expired(), timeout_s, self.stream)

    async def close(self) -> None:
        """End it before its end."""
        await self.stream.aclose()
        await self._attempt.cancelled(used_by(self.stream))


async def _close(stream: CompletionStream) -> None:
    try:
        await stream.aclose()
    except Exception as error:  # the failure that led here counts, and the next provider has its turn
        log.warning("stream_close_failed", error_type=type(error).__name__)
