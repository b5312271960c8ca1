"""How many requests may somebody make?"""

from __future__ import annotations

from typing import Literal

from config.models import RateLimitingSettings
from core.errors import RateLimitError
from core.identity import EntryPoint, Principal, Role
from plugins.interfaces import RateLimitDecision, RateLimiter

HOUR = 3600
Cost = Literal["write", "read"]


class LimitService:
    """Buckets per person, organisation, key and address."""

    def __init__(self, limiter: RateLimiter, settings: RateLimitingSettings) -> None:
        self._limiter = limiter
        self._settings = settings

    async def check(self, principal: Principal | None, *, ip: str, kind: Cost) -> RateLimitDecision:
        """Count one request; writes are questions, uploads and changes, reads everything else.

        Raises:
            RateLimitError: One of the buckets is empty.
        """
        settings = self._settings
        if not settings.enabled:
            return RateLimitDecision(True, 0, 0, 0.0)
        if principal is None:
            return await self._take([(f"ip:{ip}", settings.ip_per_hour)])
        if kind == "read":
            return await self._take([(f"read:{principal.user_id}", settings.reads_per_hour)])
        buckets = [
            (f"org:{principal.organization_id}", settings.organization_per_hour),
            (f"user:{principal.user_id}", self._of_role(principal.role)),
        ]
        if principal.entry_point is EntryPoint.API_KEY:
            buckets.append((f"key:{principal.session_id}", settings.default_per_hour))
        return await self._take(buckets)

    def _of_role(self, role: Role) -> int:
        settings = self._settings
        return {
            Role.VIEWER: settings.viewer_per_hour,
            Role.EDITOR: settings.editor_per_hour,
            Role.ADMIN: settings.admin_per_hour,
            Role.OPERATOR: settings.admin_per_hour,
        }[role]

    async def _take(self, buckets: list[tuple[str, int]]) -> RateLimitDecision:
        decision = RateLimitDecision(True, 0, 0, 0.0)
        for key, limit in buckets:
            decision = await self._limiter.check_rate_limit(key, limit, HOUR)
            if not decision:
                raise RateLimitError(
                    f"Too many requests: {limit} an hour are allowed.",
                    next_step=f"Try again in {max(1, round(decision.retry_after_s))} s.",
                    retry_after_s=decision.retry_after_s,
                )
        return decision
