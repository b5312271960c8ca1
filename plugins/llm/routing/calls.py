"""What is kept of a call of a model? Tokens, dollars and time, whether it went well or not."""

from __future__ import annotations

import time

import structlog

from core.errors import ProviderRateLimitError, ProviderUnavailableError
from core.telemetry import METRICS, Metrics
from core.types import CompletionResponse
from plugins.interfaces import CallListener, CallStatus, CompletionStream, ModelCall

log = structlog.get_logger(__name__)


class OpenCall:
    """A call under way; ``ended`` counts it once, whoever comes first."""

    def __init__(self, provider: str, model: str, listener: CallListener | None, *, metrics: Metrics = METRICS) -> None:
        self._provider = provider
        self._model = model
        self._listener = listener
        self._metrics = metrics
        self._started = time.perf_counter()
        self.is_over = False

    def ended(self, status: CallStatus, response: CompletionResponse | None = None) -> None:
        """Count it: requests, seconds, tokens and dollars; a call without a response used no tokens."""
        if self.is_over:
            return
        self.is_over = True
        call = ModelCall(
            provider=self._provider,
            model=self._model,
            status=status,
            input_tokens=response.input_tokens if response else 0,
            output_tokens=response.output_tokens if response else 0,
            cost_usd=response.cost_usd if response else 0.0,
            latency_ms=(time.perf_counter() - self._started) * 1000,
            confidence=response.confidence if response else None,
        )
        self._count(call)
        log.info(
            "model_called",
            provider=call.provider,
            model=call.model,
            status=status.value,
            input_tokens=call.input_tokens,
            output_tokens=call.output_tokens,
            cost_usd=call.cost_usd,
            ms=round(call.latency_ms, 1),
        )
        if self._listener is not None:
            self._listener.called(call)

    def _count(self, call: ModelCall) -> None:
        labels, metrics = (call.provider, call.model), self._metrics
        metrics.llm_requests.labels(*labels, call.status.value).inc()
        metrics.llm_latency.labels(*labels).observe(call.latency_ms / 1000)
        metrics.llm_tokens.labels(*labels, "input").inc(call.input_tokens)
        metrics.llm_tokens.labels(*labels, "output").inc(call.output_tokens)
        metrics.llm_cost.labels(*labels).inc(call.cost_usd)


def status_of(error: Exception) -> CallStatus:
    """The status under which a failed call is counted."""
    if isinstance(error, ProviderRateLimitError):
        return CallStatus.RATE_LIMITED
    return CallStatus.UNAVAILABLE if isinstance(error, ProviderUnavailableError) else CallStatus.REFUSED


def used_by(stream: CompletionStream) -> CompletionResponse | None:
    """What a stream that ended or was closed has used; None when its plugin cannot tell."""
    try:
        return stream.response
    except (RuntimeError, AttributeError):
        log.warning("stream_without_usage", stream=type(stream).__name__)
        return None
