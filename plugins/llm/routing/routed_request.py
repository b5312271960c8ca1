"""How does a request get its answer when providers fail?

The best target is called; when it fails the next takes over at once; when all have failed another round begins after a
random pause. A stream that breaks is begun anew by the next target.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from core.errors import ProviderError, ProviderRateLimitError, ProviderUnavailableError
from core.types import CompletionRequest, CompletionResponse
from plugins.interfaces import CallListener, Failover
from plugins.llm.routing.attempt import Attempt, LiveStream
from plugins.llm.routing.breaker import Breakers
from plugins.llm.routing.routes import Load, Target


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """How long is waited for whom.

    Attributes:
        first_token_timeout_s: A provider that has not begun by then has failed.
        idle_timeout_s: So has a stream that is silent for so long.
        total_timeout_s: The whole answer, with everything that went wrong on the way.
        rounds: So often every route is tried at most.
        retry_budget_s: No new round begins later than this after the first failure.
        backoff_s: The pause before round n + 1 is random between 0 and this times 2 ** n (full jitter) …
        longest_backoff_s: … and never longer than this, unless a provider asks for more and the budget has it. A model
            that rests is waited for when its pause ends within this.
    """

    first_token_timeout_s: float = 60.0
    idle_timeout_s: float = 30.0
    total_timeout_s: float = 120.0
    rounds: int = 3
    retry_budget_s: float = 20.0
    backoff_s: float = 0.25
    longest_backoff_s: float = 4.0


class RoutedRequest:
    """One request on its way through the routes: what was tried, and what is left of its time."""

    def __init__(
        self,
        request: CompletionRequest,
        waiting: Sequence[Target],
        breakers: Breakers,
        load: Load,
        policy: RoutingPolicy,
        listener: CallListener | None,
    ) -> None:
        self._request = request
        self._waiting = list(waiting)
        self._breakers = breakers
        self._load = load
        self._policy = policy
        self._listener = listener
        self._deadline = time.monotonic() + self._policy.total_timeout_s
        self._retry_until: float | None = None
        self._again: list[tuple[float, Target]] = []
        self._round = 1
        self._failures: dict[str, ProviderError] = {}
        self._last_failed = ""

    @property
    def can_restart(self) -> bool:
        """Whether somebody listens who can void what was given out."""
        return self._listener is not None

    def time_for_a_piece(self) -> float:
        """Seconds until a stream counts as stalled.

        Raises:
            ProviderUnavailableError: The whole answer takes too long already; no fault of a stream that still speaks.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self._too_long()
        return min(self._policy.idle_timeout_s, left)

    async def next_answer(self, *, restarted: bool = False) -> CompletionResponse | LiveStream:
        """The answer of the next provider that begins one.

        Raises:
            ProviderError: Nobody is left, or no time.
        """
        while True:
            target = await self._next_target()
            attempt = Attempt(target, self._breakers, self._load, self._listener)
            try:
                answer = await attempt.make(self._request, self._time_to_begin())
            except ProviderError as error:
                self.failed(target, error)
                continue
            if self._last_failed and self._listener is not None:
                reason = self._failures[self._last_failed].code
                await self._listener.failed_over(
                    Failover(self._last_failed, reason, target.route.name, target.model, restarted)
                )
            return answer

    def failed(self, target: Target, error: ProviderError) -> None:
        """Sync. Remember that a target failed; one that may recover is tried again in the next round."""
        self._failures[target.route.name] = error
        self._last_failed = target.route.name
        if error.retryable:
            wait = error.retry_after_s if isinstance(error, ProviderRateLimitError) else None
            self._may_retry_at(time.monotonic() + (wait or 0.0), target)

    async def _next_target(self) -> Target:
        while True:
            if time.monotonic() >= self._deadline:
                raise self._too_long()
            if not self._waiting:
                await self._pause()
            target = self._load.best(self._waiting)
            self._waiting.remove(target)
            if await self._breakers.admit(target.key):
                return target
            self._rests(target)

    def _rests(self, target: Target) -> None:
        # Who asks is not kept waiting for a whole pause: something else may answer, if only with quotes.
        wait_s = self._breakers.wait_s(target.key)
        if wait_s <= self._policy.longest_backoff_s:
            self._may_retry_at(time.monotonic() + wait_s, target)

    def _may_retry_at(self, moment: float, target: Target) -> None:
        self._retry_until = self._retry_until or time.monotonic() + self._policy.retry_budget_s
        self._again.append((moment, target))

    async def _pause(self) -> None:
        """Wait for the next round.

        Raises:
            ProviderError: There is none.
        """
        now, policy = time.monotonic(), self._policy
        if not self._again or self._round >= policy.rounds or self._retry_until is None:
            raise self._verdict()
        ceiling = min(policy.longest_backoff_s, policy.backoff_s * 2 ** (self._round - 1))
        jitter = random.uniform(0, ceiling)  # noqa: S311 - spreads load, guards nothing
        begins = max(now + jitter, min(moment for moment, _ in self._again))
        if begins >= min(self._retry_until, self._deadline):
            raise self._verdict()
        await asyncio.sleep(begins - now)
        self._round += 1
        self._waiting = [target for moment, target in self._again if moment <= begins]
        self._again = [(moment, target) for moment, target in self._again if moment > begins]

    def _time_to_begin(self) -> float:
        left = max(0.0, self._deadline - time.monotonic())
        # A whole answer has no first token; the provider's own timeout and the deadline bound it.
        return min(self._policy.first_token_timeout_s, left) if self._request.stream else left

    def _too_long(self) -> ProviderUnavailableError:
        return ProviderUnavailableError(
            f"The answer took longer than {self._policy.total_timeout_s:g} s.", next_step="See generation.timeout_s."
        )

    def _verdict(self) -> ProviderError:
        errors = list(self._failures.values())
        if len(errors) == 1:
            return errors[0]
        if not errors:
            return ProviderUnavailableError("All models rest after repeated failures.", next_step="Try again later.")
        told = " ".join(f"{name}: {error.message}" for name, error in self._failures.items())
        kind = ProviderUnavailableError if any(error.retryable for error in errors) else ProviderError
        return kind(f"No model answers. {told}")


class RoutedStream:
    """A ``CompletionStream`` that is begun anew by the next provider when one breaks off.

    The listener hears of it first and voids what was given out. Without a listener the failure is raised, for two
    halves of different answers must never be joined.
    """

    def __init__(self, course: RoutedRequest, live: LiveStream) -> None:
        self._course = course
        self._live = live
        self._first = [live.first] if live.first else []
        self._given = False
        self._closed = False
        self._whole: CompletionResponse | None = None

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        piece = await self._next()
        self._given = True
        return piece

    async def aclose(self) -> None:
        """See ``CompletionStream``."""
        self._closed = True
        await self._live.close()

    @property
    def response(self) -> CompletionResponse:
        """Of the provider whose answer stands."""
        return self._whole or self._live.stream.response

    async def _next(self) -> str:
        if self._first:
            return self._first.pop()
        if self._closed or self._whole is not None:
            raise StopAsyncIteration
        timeout_s = await self._time_left()
        try:
            return await self._live.next_piece(timeout_s)
        except ProviderError as error:
            self._course.failed(self._live.target, error)
            if self._closed:
                raise StopAsyncIteration from None
            if self._given and not self._course.can_restart:
                raise
        return await self._restarted()

    async def _time_left(self) -> float:
        try:
            return self._course.time_for_a_piece()
        except ProviderError:
            await self._live.close()
            raise

    async def _restarted(self) -> str:
        answer = await self._course.next_answer(restarted=self._given)
        if isinstance(answer, CompletionResponse):  # a provider that does not stream
            self._whole = answer
            return answer.text
        self._live = answer
        if self._closed:
            await answer.close()
            raise StopAsyncIteration
        return answer.first or await self._next()
