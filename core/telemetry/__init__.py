"""Where do logs, metrics and spans come from?

Everything that happens is told here and nowhere else: ``configure_logging`` once at the start of a process,
``METRICS`` for what is counted, ``span`` around every operation that takes time. Importing this package changes
nothing outside it: the metrics live in a registry of their own, logging and tracing are set up by entry points.
"""

from core.telemetry.logs import configure_logging
from core.telemetry.metrics import METRICS, Metrics, job
from core.telemetry.redaction import redact
from core.telemetry.spans import FinishedSpan, SpanExporter, set_span_exporter, span
from core.telemetry.trace import current_trace, trace_context

__all__ = [
    "METRICS",
    "FinishedSpan",
    "Metrics",
    "SpanExporter",
    "configure_logging",
    "current_trace",
    "job",
    "redact",
    "set_span_exporter",
    "span",
    "trace_context",
]
