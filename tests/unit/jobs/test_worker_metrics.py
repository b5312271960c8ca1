"""Are a worker's metrics served where they are wanted, and is a worker none the worse where they cannot be?"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest
from structlog.testing import capture_logs

from core.telemetry import job
from jobs.worker import offered_metrics

LOOPBACK = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port somebody listens on."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_metrics_are_served_on_a_free_port_until_the_worker_ends() -> None:
    with job("worker_test"):
        pass
    with capture_logs() as lines, offered_metrics(LOOPBACK, 0):
        (served,) = lines
        url = f"http://{LOOPBACK}:{served['port']}/metrics"
        answer = httpx.get(url, trust_env=False)
    assert served["event"] == "metrics_served"
    assert 'jobs_total{status="completed",type="worker_test"} 1.0' in answer.text
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_a_port_that_is_taken_is_told_with_what_to_do_and_the_work_goes_on(taken: int) -> None:
    worked = False
    with capture_logs() as lines, offered_metrics(LOOPBACK, taken):
        worked = True
    assert worked
    (said,) = lines
    assert (said["event"], said["log_level"], said["port"]) == ("metrics_not_served", "warning", taken)
    assert said["reason"] == "Address already in use"
    assert "observability.metrics.port" in said["next_step"]


def test_an_error_of_the_work_is_not_taken_for_one_of_the_port() -> None:
    with pytest.raises(OSError, match="disk"), offered_metrics(LOOPBACK, 0):
        raise OSError("disk")


def test_metrics_that_are_switched_off_are_not_served() -> None:
    with capture_logs() as lines, offered_metrics(LOOPBACK, None):
        pass
    assert lines == []
