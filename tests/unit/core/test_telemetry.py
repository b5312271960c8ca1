"""Do logs, metrics and spans say what happened, and keep secrets?"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry, generate_latest

from core import telemetry
from core.telemetry import FinishedSpan, Metrics, configure_logging, current_trace, job, redact, span, trace_context


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def output(restored_logging: None) -> io.StringIO:
    """Where JSON lines go at level DEBUG."""
    stream = io.StringIO()
    configure_logging("debug", "json", "gateway", stream=stream)
    return stream


@pytest.fixture
def exported() -> Iterator[list[FinishedSpan]]:
    spans: list[FinishedSpan] = []
    telemetry.set_span_exporter(spans.append)
    yield spans
    telemetry.set_span_exporter(None)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def spans_counted(metrics: Metrics, name: str, status: str) -> float | None:
    return metrics.registry.get_sample_value("span_seconds_count", {"name": name, "status": status})


def test_a_line_is_one_json_object_with_ecs_names(output: io.StringIO) -> None:
    structlog.get_logger("services.answers.runs").info("question_answered", passages=3, user_id="u1", level_name="x")
    (line,) = lines(output)
    assert line.pop("@timestamp").endswith("Z")
    assert line == {
        "log.level": "info",
        "message": "question_answered",
        "event.action": "question_answered",
        "service.name": "gateway",
        "ecs.version": "8.11",
        "log.logger": "services.answers.runs",
        "user.id": "u1",
        "foundry.passages": 3,
        "foundry.level_name": "x",
    }


def test_exceptions_carry_their_stack(output: io.StringIO) -> None:
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        structlog.get_logger("x").exception("failed")
    (line,) = lines(output)
    assert line["log.level"] == "error"
    assert "RuntimeError: broken" in line["error.stack_trace"]


def test_lines_of_other_libraries_look_the_same_and_are_redacted(output: io.StringIO) -> None:
    logging.getLogger("some.library").warning("to %s", "redis://u:hunter2@host/0", extra={"api_key": "abc"})
    (line,) = lines(output)
    assert line["log.logger"] == "some.library"
    assert line["message"] == "to redis://u:[redacted]@host/0"
    assert line["foundry.api_key"] == "[redacted]"


def test_lines_below_the_level_are_left_out_and_a_second_call_replaces_the_first(output: io.StringIO) -> None:
    second = io.StringIO()
    configure_logging("WARNING", "json", "worker", stream=second)
    structlog.get_logger("x").info("quiet")
    structlog.get_logger("x").warning("loud")
    assert output.getvalue() == ""
    assert [line["message"] for line in lines(second)] == ["loud"]
    assert lines(second)[0]["service.name"] == "worker"


def test_the_console_format_is_for_people(restored_logging: None) -> None:
    stream = io.StringIO()
    configure_logging("INFO", "console", stream=stream)
    structlog.get_logger("x").info("started", password="hunter2", port=8000)
    assert "started" in stream.getvalue()
    assert "port=8000" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_an_unknown_level_is_an_error() -> None:
    with pytest.raises(KeyError):
        configure_logging("loudly")


@pytest.mark.parametrize(
    "key",
    ["password", "db_password", "passwd", "token", "access_token", "refresh_token", "api_key", "OPENAI_API_KEY",
     "apikey", "client_secret", "Authorization", "cookie", "private_key", "dsn"],
)  # fmt: skip
def test_secret_keys_are_hidden_at_any_depth(output: io.StringIO, key: str) -> None:
    structlog.get_logger("x").info("event", **{key: "hunter2"}, nested={"a": [{key: "hunter2"}]})
    assert "hunter2" not in output.getvalue()
    assert lines(output)[0]["foundry.nested"] == {"a": [{key: "[redacted]"}]}


@pytest.mark.parametrize("key", ["input_tokens", "token_count", "max_tokens", "author", "tokens"])
def test_keys_that_only_sound_secret_are_kept(key: str) -> None:
    assert redact({key: 7}) == {key: 7}


def test_secrets_inside_text_are_hidden_and_the_rest_kept() -> None:
    text = "GET postgresql://app:pw@db/x with Bearer abcdefghijk and sk-abcdefghijklmnop or kfk_abcdefghijklmnop ok"
    assert redact(text) == (
        "GET postgresql://app:[redacted]@db/x with Bearer[redacted] and sk-[redacted] or kfk_[redacted] ok"
    )
    assert redact("task-list sketch https://host/a@b") == "task-list sketch https://host/a@b"


def test_bottomless_values_end() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    assert "[redacted]" in str(redact(endless))


def test_an_absent_secret_is_shown_as_absent() -> None:
    assert redact({"password": None, "ids": {1}}) == {"password": None, "ids": [1]}


def test_a_span_leaves_a_metric_a_line_and_an_export(
    output: io.StringIO, exported: list[FinishedSpan], metrics: Metrics
) -> None:
    with span("retrieve", metrics=metrics, top_k=10, api_key="hunter2") as current:
        current.set(hits=4)
    assert spans_counted(metrics, "retrieve", "ok") == 1
    (done,) = exported
    assert (done.name, done.status, done.parent_id, done.error) == ("retrieve", "ok", None, "")
    assert done.fields == {"top_k": 10, "api_key": "[redacted]", "hits": 4}
    assert (len(done.trace_id), len(done.span_id)) == (32, 16)
    assert done.duration_s >= 0
    (line,) = lines(output)
    assert (line["message"], line["log.level"], line["foundry.span"]) == ("span_finished", "debug", "retrieve")
    assert (line["foundry.hits"], line["trace.id"], line["span.id"]) == (4, done.trace_id, done.span_id)


async def test_spans_nest_across_tasks_and_share_the_trace(exported: list[FinishedSpan], metrics: Metrics) -> None:
    async def part(name: str) -> None:
        async with span(name, metrics=metrics):
            await asyncio.sleep(0)

    async with span("whole", metrics=metrics):
        await asyncio.gather(part("one"), part("two"))
    one, two, whole = exported
    assert {one.name, two.name} == {"one", "two"}
    assert one.parent_id == two.parent_id == whole.span_id
    assert one.trace_id == two.trace_id == whole.trace_id
    assert current_trace() == {}


def test_spans_after_one_another_are_separate_traces(exported: list[FinishedSpan], metrics: Metrics) -> None:
    for _ in range(2):
        with span("again", metrics=metrics):
            pass
    assert exported[0].trace_id != exported[1].trace_id


def test_errors_pass_through_and_are_counted_without_their_words(
    exported: list[FinishedSpan], metrics: Metrics
) -> None:
    with pytest.raises(ValueError, match="private words"), span("parse", metrics=metrics):
        raise ValueError("private words")
    assert spans_counted(metrics, "parse", "error") == 1
    assert exported[0].error == "ValueError"
    assert "private" not in repr(exported[0])


async def test_cancellation_is_a_status_of_its_own(exported: list[FinishedSpan], metrics: Metrics) -> None:
    async def forever() -> None:
        async with span("generate", metrics=metrics):
            await asyncio.Event().wait()

    task = asyncio.create_task(forever())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [done.status for done in exported] == ["cancelled"]
    assert spans_counted(metrics, "generate", "cancelled") == 1


async def test_a_stream_closed_in_another_context_ends_its_span(exported: list[FinishedSpan], metrics: Metrics) -> None:
    async def stream() -> AsyncIterator[int]:
        async with span("stream", metrics=metrics):
            while True:
                yield 1

    pieces = stream()
    await asyncio.create_task(anext(pieces))  # type: ignore[arg-type]  # an async generator's step is a coroutine
    await pieces.aclose()  # type: ignore[attr-defined]  # it is a generator
    assert [done.status for done in exported] == ["cancelled"]


def test_an_exporter_that_fails_breaks_nothing_and_is_reported(output: io.StringIO, metrics: Metrics) -> None:
    def broken(_: FinishedSpan) -> None:
        raise OSError("down")

    telemetry.set_span_exporter(broken)
    try:
        with span("answer", metrics=metrics):
            pass
    finally:
        telemetry.set_span_exporter(None)
    warning = lines(output)[-1]
    assert (warning["message"], warning["foundry.span"]) == ("span_export_failed", "answer")
    assert current_trace() == {}


def test_ids_given_from_outside_are_kept_and_restored(exported: list[FinishedSpan], metrics: Metrics) -> None:
    with trace_context(request_id="req-1", trace_id="a" * 32):
        assert current_trace() == {"request_id": "req-1", "trace_id": "a" * 32}
        with span("inside", metrics=metrics):
            assert current_trace()["request_id"] == "req-1"
        with trace_context():
            assert current_trace()["request_id"] != "req-1"
        assert current_trace()["request_id"] == "req-1"
    assert exported[0].trace_id == "a" * 32
    assert current_trace() == {}


@pytest.mark.parametrize("bad", ["", "a" * 65, 'x"\ninjected', "ü", None])
def test_ids_from_outside_that_are_not_plain_are_replaced(bad: str | None) -> None:
    with trace_context(request_id=bad, trace_id=bad):
        ids = current_trace()
    assert ids["request_id"] != bad
    assert len(ids["request_id"]) == len(ids["trace_id"]) == 32


def test_the_metrics_people_look_for_exist_by_name() -> None:
    own = Metrics()
    own.llm_requests.labels("openai", "gpt", "ok").inc()
    own.llm_latency.labels("openai", "gpt").observe(1.5)
    own.active_connections.inc()
    text = generate_latest(own.registry).decode()
    assert 'llm_requests_total{model="gpt",provider="openai",status="ok"} 1.0' in text
    assert 'llm_latency_seconds_count{model="gpt",provider="openai"} 1.0' in text
    assert "\nactive_connections 1.0" in text
    names = {metric.name for metric in own.registry.collect()}
    assert {
        "http_requests", "http_request_seconds", "retrieval_seconds", "ingestion_stage_seconds", "ingestion_documents",
        "plugin_health", "jobs", "job_seconds", "span_seconds",
    } <= names  # fmt: skip


def test_importing_telemetry_touches_neither_logging_nor_the_global_registry() -> None:
    script = (
        "import logging, prometheus_client as p; before = set(p.REGISTRY._names_to_collectors)\n"
        "import core.telemetry\n"
        "assert set(p.REGISTRY._names_to_collectors) == before\n"
        "assert not logging.getLogger().handlers and not __import__('structlog').is_configured()"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("error", "status"),
    [(None, "completed"), (ValueError, "failed"), (asyncio.CancelledError, "cancelled")],
)
def test_a_job_is_counted_by_how_it_ended(metrics: Metrics, error: type[BaseException] | None, status: str) -> None:
    with contextlib.suppress(ValueError, asyncio.CancelledError), job("sweep", metrics=metrics):
        if error is not None:
            raise error
    value = metrics.registry.get_sample_value
    assert value("jobs_total", {"type": "sweep", "status": status}) == 1
    assert value("job_seconds_count", {"type": "sweep"}) == 1


def test_a_job_that_says_how_it_ended_is_believed_unless_it_raises(metrics: Metrics) -> None:
    with job("ingest", metrics=metrics) as record:
        record.status = "lost"
    with contextlib.suppress(ValueError), job("ingest", metrics=metrics) as record:
        record.status = "lost"
        raise ValueError
    value = metrics.registry.get_sample_value
    assert value("jobs_total", {"type": "ingest", "status": "lost"}) == 1
    assert value("jobs_total", {"type": "ingest", "status": "failed"}) == 1
