"""How many requests may somebody make?"""

from __future__ import annotations

import time
from typing import Literal

import structlog

from config.models import RateLimitingSettings
from config.section import parse_rate
from core.errors import ProviderError, ProviderUnavailableError, RateLimitError
from core.identity import EntryPoint, Principal, Role
from core.telemetry import METRICS
from plugins.interfaces import RateLimitDecision, RateLimiter

log = structlog.get_logger(__name__)

REST_S = 5.0
"""A store that failed is left alone for so long, or every request would wait until it is given up."""
_SPANS = {1: "a second", 60: "a minute", 3600: "an hour", 86_400: "a day"}
Cost = Literal["write", "read"]
_UNCOUNTED = RateLimitDecision(True, 0, 0, 0.0)


class LimitService:
    """Buckets per person, organisation, key and address.

    ``limiter`` counts for all processes. While its store is away, ``when_store_is_down`` decides: ``stand_in`` counts
    in this process, or everything passes, or everything is refused.
    """

    def __init__(
        self, limiter: RateLimiter, settings: RateLimitingSettings, *, stand_in: RateLimiter, rest_s: float = REST_S
    ) -> None:
        self._limiter = limiter
        self._settings = settings
        self._stand_in = stand_in
        self._rest_s = rest_s
        self._away_until = 0.0

    async def check(self, principal: Principal | None, *, ip: str, kind: Cost) -> RateLimitDecision:
        """Count one request; writes are questions, uploads and changes, reads everything else.

        Raises:
            RateLimitError: One of the buckets is empty.
            ProviderUnavailableError: The store is away, and the settings say to refuse then.
        """
        settings = self._settings
        if not settings.enabled:
            return _UNCOUNTED
        if principal is None:
            return await self._take([(f"ip:{ip}", settings.ip_limit)])
        if kind == "read":
            return await self._take([(f"read:{principal.user_id}", settings.read_limit)])
        buckets = [
            (f"org:{principal.organization_id}", settings.organization_limit),
            (f"user:{principal.user_id}", self._of_role(principal.role)),
        ]
        if principal.entry_point is EntryPoint.API_KEY:
            buckets.append((f"key:{principal.session_id}", settings.default_limit))
        return await self._take(buckets)

    def _of_role(self, role: Role) -> str:
        limits = self._settings.role_limits
        return {
            Role.VIEWER: limits.viewer,
            Role.EDITOR: limits.editor,
            Role.ADMIN: limits.admin,
            Role.OPERATOR: limits.admin,
        }[role]

    async def _take(self, buckets: list[tuple[str, str]]) -> RateLimitDecision:
        decision = _UNCOUNTED
        for key, rate in buckets:
            limit, window_s = parse_rate(rate)
            decision = await self._count(key, limit, window_s)
            if not decision:
                METRICS.rate_limited.labels(key.partition(":")[0]).inc()
                raise RateLimitError(
                    f"Too many requests: {limit} {_SPANS[window_s]} are allowed.",
                    next_step=f"Try again in {max(1, round(decision.retry_after_s))} s.",
                    retry_after_s=decision.retry_after_s,
                )
        return decision

    async def _count(self, key: str, limit: int, window_s: int) -> RateLimitDecision:
        if time.monotonic() >= self._away_until:
            try:
                return await self._limiter.check_rate_limit(key, limit, window_s)
            except ProviderError as error:
                log.warning("limit_store_down", reason=error.code, instead=self._settings.when_store_is_down)
                self._away_until = time.monotonic() + self._rest_s
        match self._settings.when_store_is_down:
            case "memory":
                return await self._stand_in.check_rate_limit(key, limit, window_s)
            case "allow":
                return _UNCOUNTED
            case "refuse":
                raise ProviderUnavailableError(
                    "Requests cannot be counted at the moment, and uncounted ones are not answered here.",
                    next_step="Try again in a moment; the operator should check Redis.",
                )
