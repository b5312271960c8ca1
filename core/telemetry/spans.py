"""How long did an operation take, and inside which other one?"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Protocol, Self
from uuid import uuid4

import structlog

from core.telemetry.metrics import METRICS, Metrics
from core.telemetry.redaction import redact
from core.telemetry.trace import SPAN_ID, TRACE_ID

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class FinishedSpan:
    """What an exporter gets: ids as in W3C trace context (32 and 16 hex digits), times in seconds since the epoch."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    started_at: float
    duration_s: float
    status: Literal["ok", "error", "cancelled"]
    error: str = ""
    fields: dict[str, Any] = field(default_factory=dict)


class SpanExporter(Protocol):
    """Takes finished spans elsewhere (Langfuse); called on the caller's thread, so it only queues and never waits."""

    def __call__(self, finished: FinishedSpan, /) -> None: ...


_exporters: list[SpanExporter] = []


def set_span_exporter(exporter: SpanExporter | None) -> None:
    """Send finished spans of this process to the exporter; None ends that."""
    _exporters[:] = [] if exporter is None else [exporter]


class span:  # noqa: N801 - used like a function: ``with span("retrieve"):``
    """Times an operation: a debug line, a duration in ``span_seconds{name,status}`` and a span for the exporter.

    Works with ``with`` and ``async with``; spans inside become its children. ``name`` is static, ids go into the
    fields. Cancellation is a status of its own, not an error. Nothing is swallowed.
    """

    def __init__(self, name: str, *, metrics: Metrics = METRICS, **fields: Any) -> None:
        self.name = name
        self.span_id = uuid4().hex[:16]
        self._fields = fields
        self._metrics = metrics
        self._parent_id: str | None = None
        self._outer_trace: str | None = None
        self._started_at = self._started = 0.0

    def set(self, **fields: Any) -> None:
        """Add what is only known inside: counts, scores, a decision."""
        self._fields.update(fields)

    def __enter__(self) -> Self:
        self._parent_id, self._outer_trace = SPAN_ID.get(), TRACE_ID.get()
        if self._outer_trace is None:
            TRACE_ID.set(uuid4().hex)
        SPAN_ID.set(self.span_id)
        self._started_at, self._started = time.time(), time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        duration_s = time.perf_counter() - self._started
        status: Literal["ok", "error", "cancelled"] = "ok"
        if error is not None:
            left_early = isinstance(error, asyncio.CancelledError | GeneratorExit)
            status = "cancelled" if left_early else "error"
        finished = FinishedSpan(
            name=self.name,
            trace_id=TRACE_ID.get() or "",
            span_id=self.span_id,
            parent_id=self._parent_id,
            started_at=self._started_at,
            duration_s=duration_s,
            status=status,
            # The class and not the message, which may quote what somebody wrote.
            error=kind.__name__ if kind is not None else "",
            fields=dict(redact(self._fields)),
        )
        try:
            self._tell(finished)
        finally:
            # Set, not reset by token: a generator may be closed in another context than it was started in.
            SPAN_ID.set(self._parent_id)
            TRACE_ID.set(self._outer_trace)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _tell(self, finished: FinishedSpan) -> None:
        self._metrics.spans.labels(self.name, finished.status).observe(finished.duration_s)
        duration_ms = round(finished.duration_s * 1000, 3)
        log.debug(
            "span_finished", **{**finished.fields, "span": self.name, "status": finished.status, "ms": duration_ms}
        )
        for exporter in _exporters:
            try:
                exporter(finished)
            except Exception as error:  # a tracing service must never break what it watches; the log says so
                log.warning("span_export_failed", span=self.name, error=type(error).__name__)
