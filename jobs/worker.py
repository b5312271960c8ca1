"""How does a worker process run? ``python -m jobs.worker``"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import structlog
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from core.errors import KnowledgeFoundryError
from core.telemetry import configure_logging
from core.telemetry.exposition import metrics_server
from jobs.resident import Resident, install
from services.tasks.queue import connect
from services.worker.container import worker_settings

log = structlog.get_logger(__name__)

WORKER_TTL_S = 45
MAINTENANCE_S = 15


def main() -> int:
    """Open the resident loop, then take jobs until told to stop."""
    # One model, few cores: libraries that start a thread per core fight each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        settings = worker_settings()
        configure_logging(settings.log_level, settings.log_format, "worker", output=settings.log_output)
        resident = Resident()
        resident.start()
    except KnowledgeFoundryError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    install(resident)
    connection = connect(settings.redis_url)
    queues = [Queue(name, connection=connection, serializer=JSONSerializer) for name in settings.queues]
    worker = SimpleWorker(
        queues,
        connection=connection,
        serializer=JSONSerializer,
        worker_ttl=WORKER_TTL_S,
        maintenance_interval=MAINTENANCE_S,
    )
    log.info("worker_ready", queues=list(settings.queues))
    try:
        with offered_metrics(settings.metrics_host, settings.metrics_port):
            # RQ ends by itself on SIGTERM and SIGINT, after the job in hand.
            worker.work(logging_level="WARNING")
    finally:
        resident.stop()
    return 0


@contextmanager
def offered_metrics(host: str, port: int | None) -> Iterator[None]:
    """Serve this process's metrics, if they are wanted; where they cannot be, the log says so and documents are read.

    Args:
        port: None offers none, 0 takes any that is free.
    """
    with ExitStack() as stack:
        if port is not None:
            try:
                served = stack.enter_context(metrics_server(host, port))
            except OSError as error:
                log.warning(
                    "metrics_not_served",
                    host=host,
                    port=port,
                    reason=error.strerror or str(error),
                    next_step="Free it, or set another one: observability.metrics.port; 0 takes any that is free.",
                )
            else:
                log.info("metrics_served", host=host, port=served)
        yield


if __name__ == "__main__":
    sys.exit(main())
