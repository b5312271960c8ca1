"""How does a process log?"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from core.telemetry.log_output import handler_for
from core.telemetry.redaction import redact
from core.telemetry.trace import current_trace

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
