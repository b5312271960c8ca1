"""What is counted? Each metric is told in docs/metrics.md."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from core.states import TaskStatus

_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SLOW: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300)
_FAST_OR_STREAMED: Final = (*_FAST, 30, 60)


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
        self.active_connections = Gauge("active_connections", "Sockets of the chat that are open.", registry=r)
        self.http_requests = Counter(
            "http_requests_total", "Requests by route template.", ["method", "route", "status"], registry=r
        )
        self.http_latency = Histogram(
            "http_request_seconds",
            "Whole requests by route template, streamed answers included.",
            ["method", "route"],
            buckets=_FAST_OR_STREAMED,
            registry=r,
        )
        self.retrieval = Histogram("retrieval_seconds", "Search, by part.", ["stage"], buckets=_FAST, registry=r)
        self.answers = Counter("answers_total", "Answers by outcome.", ["outcome"], registry=r)
        self.degraded = Counter(
            "degraded_total", "Answers and searches that did without a part.", ["component"], registry=r
        )
        self.ingestion_stage = Histogram(
            "ingestion_stage_seconds", "Documents that became ready, by stage.", ["stage"], buckets=_SLOW, registry=r
        )
        self.ingestion_documents = Counter(
            "ingestion_documents_total", "Documents whose reading ended.", ["status"], registry=r
        )
        self.plugin_health = Gauge(
            "plugin_health", "1 healthy, 0.5 degraded, 0 broken.", ["kind", "plugin"], registry=r
        )
        self.rate_limited = Counter("rate_limited_total", "Requests refused by a limit.", ["scope"], registry=r)
        self.jobs = Counter("jobs_total", "Background jobs that ended.", ["type", "status"], registry=r)
        self.job_duration = Histogram("job_seconds", "Background jobs.", ["type"], buckets=_SLOW, registry=r)
        self.jobs_waiting = Gauge("jobs_waiting", "Tasks that wait for a worker.", ["type"], registry=r)
        self.notifications = Counter(
            "notifications_total", "Notices: sent, failed, dropped.", ["notifier", "event", "outcome"], registry=r
        )
        self.pool_connections = Gauge(
            "pool_connections", "Connections to PostgreSQL, by role.", ["pool", "state"], registry=r
        )
        self.spans = Histogram("span_seconds", "Any operation.", ["name", "status"], buckets=_FAST, registry=r)


METRICS: Final = Metrics()
"""The metrics of this process; a test that counts makes its own or compares before and after."""


@dataclass(slots=True)
class JobRecord:
    """A background job under way; whoever does it says how it ends, where it does not raise."""

    status: str = TaskStatus.COMPLETED


@contextmanager
def job(kind: str, *, metrics: Metrics = METRICS) -> Iterator[JobRecord]:
    """Count one background job and its seconds, as ``completed`` unless the record says something else.

    What raises is ``failed``, what is cancelled ``cancelled``; both go on.
    """
    record, started = JobRecord(), time.perf_counter()
    try:
        yield record
    except asyncio.CancelledError:
        record.status = "cancelled"
        raise
    except Exception:
        record.status = TaskStatus.FAILED
        raise
    finally:
        metrics.jobs.labels(kind, record.status).inc()
        metrics.job_duration.labels(kind).observe(time.perf_counter() - started)
