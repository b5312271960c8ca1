"""Are a worker's metrics served where they are wanted, and is a worker none the worse where they cannot be?"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from core.telemetry import job
from jobs.worker import offered_metrics
from services.worker.container import worker_settings

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


@pytest.mark.sees("observability.metrics.enabled", "observability.metrics.host", "observability.metrics.port")
@pytest.mark.parametrize("enabled", [True, False])
def test_metrics_are_served_where_the_settings_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, enabled: bool
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.2", 0))
        port = free.getsockname()[1]
    chosen = {"enabled": str(enabled).lower(), "host": "127.0.0.2", "port": str(port)}
    for key, value in chosen.items():
        monkeypatch.setenv(f"FOUNDRY__observability__metrics__{key}", value)
    monkeypatch.setenv("FOUNDRY__redis__host", "redis.example")
    monkeypatch.setenv("FOUNDRY_DATA_DIR", str(tmp_path))
    settings = worker_settings()
    url = f"http://127.0.0.2:{port}/metrics"
    with offered_metrics(settings.metrics_host, settings.metrics_port):
        if enabled:
            assert httpx.get(url, trust_env=False).status_code == 200
        else:
            with pytest.raises(httpx.ConnectError):
                httpx.get(url, trust_env=False)
