"""How does Prometheus get the metrics of a process?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import generate_latest, start_http_server

from core.telemetry.metrics import METRICS

MEDIA_TYPE = "text/plain; version=0.0.4"


def exposition() -> bytes:
    """All metrics of this process as Prometheus reads them (its text format, version 0.0.4)."""
    return generate_latest(METRICS.registry)


@contextmanager
def metrics_server(host: str, port: int) -> Iterator[int]:
    """Serve them over HTTP from a thread of its own, for a process that serves nothing else; yields the port.

    Args:
        port: 0 takes any that is free.

    Raises:
        OSError: The port is taken or may not be used, or the host is none of this machine's.
    """
    server, thread = start_http_server(port, host, registry=METRICS.registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
