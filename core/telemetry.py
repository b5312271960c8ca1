"""Where do logs, metrics and spans come from?

Everything that happens is told here and nowhere else: ``configure_logging`` once at the start of a process,
``METRICS`` for what is counted, ``span`` around every operation that takes time. Importing this module changes
nothing outside it: the metrics live in a registry of their own, logging and tracing are set up by entry points.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Literal, Protocol, Self, TextIO
from uuid import uuid4

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from structlog.typing import EventDict, Processor, WrappedLogger

from core.log_output import handler_for

log = structlog.get_logger(__name__)

# -- logs --------------------------------------------------------------------------------------------------------

_SECRET_KEY: Final = re.compile(
    r"passw(or)?d|passphrase|secret|credential|api_?key|private_?key|authorization|cookie|(^|_)(token|jwt|dsn)$",
    re.IGNORECASE,
)
_URL_PASSWORD: Final = re.compile(r"(?P<before>[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@/]+(?=@)", re.IGNORECASE)
_BEARER: Final = re.compile(r"\b(?P<before>Bearer|Basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE)
_KNOWN_TOKEN: Final = re.compile(r"\b(?P<before>sk-|kf[a-z]_)[\w-]{12,}")
_HIDDEN: Final = "[redacted]"
_DEPTH: Final = 6

_ECS_NAMES: Final = {
    "request_id": "http.request.id",
    "trace_id": "trace.id",
    "span_id": "span.id",
    "user_id": "user.id",
    "organization_id": "organization.id",
    "logger": "log.logger",
    "exception": "error.stack_trace",
    "error": "error.message",
    "error_code": "error.code",
}


def redact(value: Any, *, _depth: int = 0) -> Any:
    """The value without what must not be logged: secret-named keys, passwords in URLs, bearer and API tokens."""
    if isinstance(value, str):
        for pattern in (_URL_PASSWORD, _BEARER, _KNOWN_TOKEN):
            value = pattern.sub(rf"\g<before>{_HIDDEN}", value)
        return value
    if _depth >= _DEPTH:
        return _HIDDEN
    if isinstance(value, Mapping):
        return {
            key: _HIDDEN if _SECRET_KEY.search(str(key)) and item is not None else redact(item, _depth=_depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, _depth=_depth + 1) for item in value]
    return value


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return dict(redact(event))


def _add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name, value in current_trace().items():
        event.setdefault(name, value)
    return event


def _to_ecs(service: str) -> Processor:
    def convert(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        action = str(event.pop("event", ""))
        ecs: dict[str, Any] = {
            "@timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "log.level": event.pop("level", method),
            "message": action,
            "event.action": action,
            "service.name": service,
            "ecs.version": "8.11",
        }
        for name, value in event.items():
            # What ECS has no name for goes under our own, so that no field can overwrite one of Elastic's.
            ecs[_ECS_NAMES.get(name, f"foundry.{name}")] = value
        return ecs

    return convert


def configure_logging(
    level: str = "INFO",
    fmt: Literal["json", "console"] = "json",
    service: str = "knowledge-foundry",
    *,
    output: str = "stderr",
    stream: TextIO | None = None,
) -> None:
    """Set up structlog and the standard library's logging for this process; calling it again replaces the set-up.

    Args:
        level: A name the logging module knows.
        fmt: ``json`` writes one object a line with Elastic Common Schema names, ``console`` is for people.
        service: ``service.name`` of every line.
        output: ``stderr``, ``stdout`` or the path of a file, whose folder is made and which may be rotated away.
        stream: Where to write instead of ``output``.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_trace,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _redact_event,
    ]
    final: list[Processor] = (
        [_to_ecs(service), structlog.processors.JSONRenderer(default=str, ensure_ascii=False)]
        if fmt == "json"
        else [structlog.processors.TimeStamper(fmt="%H:%M:%S"), structlog.dev.ConsoleRenderer(colors=False)]
    )
    handler = logging.StreamHandler(stream) if stream is not None else handler_for(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared[:-1], structlog.stdlib.ExtraAdder(), _redact_event],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    root = logging.getLogger()
    for old in [known for known in root.handlers if getattr(known, "_foundry", False)]:
        root.removeHandler(old)
        old.close()
    handler._foundry = True  # type: ignore[attr-defined]  # marks ours, so that a second call replaces only it
    root.addHandler(handler)
    root.setLevel(number)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


# -- metrics -----------------------------------------------------------------------------------------------------

_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SLOW: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300)


class Metrics:
    """All metrics of the product, in one registry. Labels take few values: names and statuses, never ids."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = r = registry or CollectorRegistry()
        self.llm_requests = Counter(
            "llm_requests_total", "Calls of language models.", ["provider", "model", "status"], registry=r
        )
        self.llm_latency = Histogram(
            "llm_latency_seconds", "Whole calls of models.", ["provider", "model"], buckets=_SLOW, registry=r
        )
        self.llm_tokens = Counter("llm_tokens_total", "Tokens.", ["provider", "model", "direction"], registry=r)
        self.llm_cost = Counter("llm_cost_usd_total", "US dollars.", ["provider", "model"], registry=r)
        self.llm_breaker = Gauge(
            "llm_breaker_state", "1 closed, 0.5 half open, 0 open.", ["provider", "model"], registry=r
        )
        self.active_connections = Gauge("active_connections", "Open connections.", ["kind"], registry=r)
        self.http_requests = Counter(
            "http_requests_total", "Requests by route template.", ["method", "route", "status"], registry=r
        )
        self.http_latency = Histogram(
            "http_request_seconds", "Requests by route template.", ["method", "route"], buckets=_FAST, registry=r
        )
        self.retrieval = Histogram("retrieval_seconds", "Search, by part.", ["stage"], buckets=_FAST, registry=r)
        self.answers = Counter("answers_total", "Answers by outcome.", ["outcome"], registry=r)
        self.degraded = Counter("degraded_total", "Runs that did without a part.", ["component"], registry=r)
        self.ingestion_stage = Histogram(
            "ingestion_stage_seconds", "Ingestion by stage.", ["stage"], buckets=_SLOW, registry=r
        )
        self.ingestion_documents = Counter("ingestion_documents_total", "Documents.", ["status"], registry=r)
        self.plugin_health = Gauge(
            "plugin_health", "1 healthy, 0.5 degraded, 0 broken.", ["kind", "plugin"], registry=r
        )
        self.cache_requests = Counter("cache_requests_total", "Look-ups.", ["layer", "result"], registry=r)
        self.rate_limited = Counter("rate_limited_total", "Requests refused by a limit.", ["scope"], registry=r)
        self.jobs = Counter("jobs_total", "Background jobs.", ["type", "status"], registry=r)
        self.job_duration = Histogram("job_seconds", "Background jobs.", ["type"], buckets=_SLOW, registry=r)
        self.notifications = Counter(
            "notifications_total", "Notices: sent, failed, dropped.", ["notifier", "event", "outcome"], registry=r
        )
        self.jobs_waiting = Gauge("jobs_waiting", "Jobs that wait.", ["queue"], registry=r)
        self.pool_connections = Gauge("pool_connections", "Pooled connections.", ["pool", "state"], registry=r)
        self.spans = Histogram("span_seconds", "Any operation.", ["name", "status"], buckets=_FAST, registry=r)


METRICS: Final = Metrics()
"""The metrics of this process; a test that counts makes its own or compares before and after."""

# -- spans -------------------------------------------------------------------------------------------------------


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


_request_id: ContextVar[str | None] = ContextVar("foundry_request_id", default=None)
_trace_id: ContextVar[str | None] = ContextVar("foundry_trace_id", default=None)
_span_id: ContextVar[str | None] = ContextVar("foundry_span_id", default=None)
_exporters: list[SpanExporter] = []


def set_span_exporter(exporter: SpanExporter | None) -> None:
    """Send finished spans of this process to the exporter; None ends that."""
    _exporters[:] = [] if exporter is None else [exporter]


def current_trace() -> dict[str, str]:
    """Request, trace and span ids of the running operation, as far as there are any."""
    ids = {"request_id": _request_id.get(), "trace_id": _trace_id.get(), "span_id": _span_id.get()}
    return {name: value for name, value in ids.items() if value is not None}


@contextlib.contextmanager
def trace_context(*, request_id: str | None = None, trace_id: str | None = None) -> Iterator[None]:
    """Put everything inside under these ids, such as those of an incoming request or of the job it enqueued.

    Ids come from outside, so what is not 1 to 64 letters, digits, dots or dashes is replaced by a fresh one.
    """
    before = _request_id.get(), _trace_id.get(), _span_id.get()
    _request_id.set(_clean(request_id))
    _trace_id.set(_clean(trace_id))
    _span_id.set(None)
    try:
        yield
    finally:
        _request_id.set(before[0])
        _trace_id.set(before[1])
        _span_id.set(before[2])


def _clean(identifier: str | None) -> str:
    return identifier if identifier and re.fullmatch(r"[\w.-]{1,64}", identifier, re.ASCII) else uuid4().hex


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
        self._parent_id, self._outer_trace = _span_id.get(), _trace_id.get()
        if self._outer_trace is None:
            _trace_id.set(uuid4().hex)
        _span_id.set(self.span_id)
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
            trace_id=_trace_id.get() or "",
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
            _span_id.set(self._parent_id)
            _trace_id.set(self._outer_trace)

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
