"""What is counted?"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

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
