"""What did the models cost that an answer asked?"""

from __future__ import annotations

import time
from collections.abc import Iterable

from core.events import UsageEvent
from plugins.interfaces import CallStatus, Failover, ModelCall


class Ledger:
    """Hears of every call made for an answer: those that failed, and those of questions put differently, too."""

    def __init__(self, before: Iterable[ModelCall] = ()) -> None:
        self.calls = list(before)
        self._started = time.perf_counter()

    def called(self, call: ModelCall) -> None:
        """See ``CallListener``."""
        self.calls.append(call)

    async def failed_over(self, failover: Failover) -> None:
        """See ``CallListener``; whoever shows text overrides this."""

    def usage(self, *, first_token_ms: float | None = None, passages: int = 0) -> UsageEvent | None:
        """All calls together, under the name of the last that answered; None when no model was called."""
        if not self.calls:
            return None
        answered = [call for call in self.calls if call.status in (CallStatus.OK, CallStatus.CANCELLED)]
        last = (answered or self.calls)[-1]
        return UsageEvent(
            provider=last.provider,
            model=last.model,
            input_tokens=sum(call.input_tokens for call in self.calls),
            output_tokens=sum(call.output_tokens for call in self.calls),
            cost_usd=sum(call.cost_usd for call in self.calls),
            latency_ms=(time.perf_counter() - self._started) * 1000,
            first_token_ms=first_token_ms,
            passages=passages,
            confidence=last.confidence,
        )
