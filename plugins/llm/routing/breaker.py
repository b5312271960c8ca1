"""Is a model worth calling, or has it just failed too often?

One breaker for each model of each provider. Closed: calls go on. After so many failures in a row it opens: calls are
refused without being made. After a pause it is half open: one call at a time may probe, and its end decides.

The state is shared by all processes through Redis, one script a change. A closed breaker is looked up at most twice a
second, so that a call that goes well costs next to nothing. Without Redis each process counts for itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import structlog

from core.errors import ProviderError, ProviderUnavailableError
from core.telemetry import METRICS, Metrics
from plugins.vendors.upstream import translated

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = structlog.get_logger(__name__)

SERVICE = "Redis"
SCRIPT = Path(__file__).with_name("breaker.lua").read_text(encoding="utf-8")
_DIGEST = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()  # the name Redis gives a script
_LOOK_AGAIN_S = 0.5
_REDIS_TIMEOUT_S = 0.25
_REDIS_AWAY_S = 5.0

Operation: TypeAlias = Literal["admit", "failed", "released", "succeeded"]


class BreakerState(StrEnum):
    """What a breaker lets through: everything, one probe, nothing."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


_GAUGE = {BreakerState.CLOSED: 1.0, BreakerState.HALF_OPEN: 0.5, BreakerState.OPEN: 0.0}


@dataclass(frozen=True, slots=True)
class BreakerKey:
    """Whose breaker it is."""

    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens and for how long.

    Attributes:
        failures: So many in a row open it.
        pause_s: Then nothing is called for so long.
        probe_s: A probe that was not heard of for so long counts as lost, and another may go.
    """

    failures: int = 5
    pause_s: float = 30.0
    probe_s: float = 120.0


@dataclass(slots=True)
class _Local:
    """What this process knows of a breaker, in its own clock; ``open_until`` is None while it is closed."""

    failures: int = 0
    open_until: float | None = None
    probe_until: float = 0.0
    looked_at: float = float("-inf")

    def state(self, now: float) -> BreakerState:
        if self.open_until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self.open_until else BreakerState.HALF_OPEN

    def change(self, operation: Operation, policy: BreakerPolicy, now: float) -> bool:
        """The rules of ``breaker.lua``; whether a call may go on."""
        state = self.state(now)
        if operation == "admit":
            if state is BreakerState.HALF_OPEN and now >= self.probe_until:
                self.probe_until = now + policy.probe_s
                return True
            return state is BreakerState.CLOSED
        if operation == "released":
            self.probe_until = 0.0
        elif operation == "failed":
            self.failures += 1
            due = state is BreakerState.CLOSED and self.failures >= policy.failures
            if due or state is BreakerState.HALF_OPEN:
                self.open_until, self.probe_until = now + policy.pause_s, 0.0
        elif state is not BreakerState.OPEN:
            self.failures, self.open_until, self.probe_until = 0, None, 0.0
        return False


class Breakers:
    """All breakers of a process; one event loop."""

    def __init__(
        self,
        policy: BreakerPolicy,
        redis: Redis | None = None,
        *,
        prefix: str = "foundry:breaker:",
        metrics: Metrics = METRICS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._redis = redis
        self._prefix = prefix
        self._metrics = metrics
        self._clock = clock
        self._known: dict[BreakerKey, _Local] = {}
        self._redis_away_until = float("-inf")

    async def admit(self, key: BreakerKey) -> bool:
        """Whether to call now. Whoever is admitted tells how it ended: succeeded, failed or released."""
        local, now = self._known.setdefault(key, _Local()), self._clock()
        state = local.state(now)
        probe_is_free = state is BreakerState.HALF_OPEN and now >= local.probe_until
        if now - local.looked_at < _LOOK_AGAIN_S and not probe_is_free:
            return state is BreakerState.CLOSED
        return await self._change("admit", key)

    async def succeeded(self, key: BreakerKey) -> None:
        """The call ended well."""
        local = self._known.setdefault(key, _Local())
        if local.failures or local.open_until is not None:
            await self._change("succeeded", key)

    async def failed(self, key: BreakerKey) -> None:
        """The call ended in a way that may say something about the next one."""
        await self._change("failed", key)

    async def released(self, key: BreakerKey) -> None:
        """The call ended without saying anything about the provider: cancelled, or refused for what it asked."""
        if self._known.setdefault(key, _Local()).open_until is not None:
            await self._change("released", key)

    def wait_s(self, key: BreakerKey) -> float:
        """Sync. Seconds after which asking again may help: until the pause is over, or a probe under way may be."""
        local, now = self._known.setdefault(key, _Local()), self._clock()
        if local.state(now) is BreakerState.HALF_OPEN:
            return _LOOK_AGAIN_S
        return max(0.0, (local.open_until or now) - now)

    def states(self) -> dict[BreakerKey, BreakerState]:
        """Sync. All breakers that were asked for, as this process saw them last."""
        now = self._clock()
        return {key: local.state(now) for key, local in self._known.items()}

    async def _change(self, operation: Operation, key: BreakerKey) -> bool:
        local = self._known.setdefault(key, _Local())
        before = local.state(self._clock())
        shared = await self._shared(operation, key)
        now = self._clock()
        if shared is None:
            admitted = local.change(operation, self._policy, now)
        else:
            admitted, local.failures, open_ms, probe_ms = bool(shared[0]), *shared[1:]
            local.open_until = None if open_ms < 0 else now + open_ms / 1000
            local.probe_until = now + probe_ms / 1000
        local.looked_at = now
        after = local.state(now)
        self._metrics.llm_breaker.labels(key.provider, key.model).set(_GAUGE[after])
        if after is not before:
            log.info("breaker_changed", provider=key.provider, model=key.model, state=after.value)
        return admitted

    async def _shared(self, operation: Operation, key: BreakerKey) -> tuple[int, int, int, int] | None:
        """The state after the operation as Redis has it; None while Redis is absent or away."""
        if self._redis is None or self._clock() < self._redis_away_until:
            return None
        try:
            return await self._run(self._redis, operation, key)
        except ProviderError as error:
            self._redis_away_until = self._clock() + _REDIS_AWAY_S
            log.warning("breakers_not_shared", reason=error.code)
            return None

    async def _run(self, redis: Redis, operation: Operation, key: BreakerKey) -> tuple[int, int, int, int]:
        policy, name = self._policy, f"{self._prefix}{key.provider}:{key.model}"
        milliseconds = (round(policy.pause_s * 1000), round(policy.probe_s * 1000))
        arguments: tuple[Any, ...] = (1, name, operation, policy.failures, *milliseconds)
        # redis-py leaves its one general method untyped.
        with translated(SERVICE):
            async with asyncio.timeout(_REDIS_TIMEOUT_S):
                try:
                    result = await redis.execute_command("EVALSHA", _DIGEST, *arguments)  # type: ignore[no-untyped-call]
                except self._script_missing:  # a Redis that was restarted or flushed; EVAL teaches it again
                    result = await redis.execute_command("EVAL", SCRIPT, *arguments)  # type: ignore[no-untyped-call]
        if not isinstance(result, list) or len(result) != 4:
            raise ProviderUnavailableError(f"{SERVICE} answered something else than the script.")
        admitted, failures, open_ms, probe_ms = result
        return int(admitted), int(failures), int(open_ms), int(probe_ms)

    @cached_property
    def _script_missing(self) -> type[Exception]:
        from redis.exceptions import NoScriptError

        return NoScriptError
