"""Do single metrics say what happened?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from chat_app.asgi import create_app
from config.loader import LoadedSettings
from core.telemetry import METRICS
from db.engine import create_engine
from db.unit_of_work import Database
from services.connections import application_address
from services.worker.container import Worker
from tests.fixtures.application import CLIENT, Department
from tests.integration.test_gateway import settings_of_tests

NOTE = b"# Valves\n\nThe relief valve opens at 6 bar.\n"
BROKEN_PDF = b"%PDF-1.7\nthis is no page tree\n%%EOF\n"


def value(name: str, **labels: str) -> float:
    """Of this process."""
    return METRICS.registry.get_sample_value(name, labels) or 0.0


async def test_documents_and_attempts_are_counted_by_how_they_ended(
    department: Department, worker: Worker, loaded: LoadedSettings
) -> None:
    def counts() -> list[float]:
        documents = [value("ingestion_documents_total", status=one) for one in ("ready", "failed", "cancelled")]
        return [*documents, *(value("jobs_total", type="ingest", status=one) for one in ("completed", "failed"))]

    before = counts()
    await department.read(worker, "note.md", NOTE)
    await department.read(worker, "broken.pdf", BROKEN_PDF)
    waiting = await department.upload("later.md", b"Nobody reads this.")
    await worker.dispatcher.count_waiting()
    assert value("jobs_waiting", type="ingest") == 1
    await department.services.tasks.cancel(department.principal, waiting.task_id, client=CLIENT)
    await worker.dispatcher.count_waiting()
    assert value("jobs_waiting", type="ingest") == 0
    assert [now - was for now, was in zip(counts(), before, strict=True)] == [1, 1, 1, 1, 1]


async def test_connections_are_counted_when_they_are_asked_for(loaded: LoadedSettings) -> None:
    def connections() -> tuple[float, float]:
        labels = {"pool": "foundry_app"}
        return value("pool_connections", state="in_use", **labels), value("pool_connections", state="idle", **labels)

    database = Database(create_engine(application_address(loaded.settings), pool_size=2))
    in_use, idle = connections()
    async with database.transaction(None):
        assert connections() == (in_use + 1, idle)
    assert connections() == (in_use, idle + 1)
    await database.close()
    assert connections() == (in_use, idle)


@pytest.mark.parametrize(("offered", "status"), [(True, 200), (False, 404)])
async def test_the_gateway_offers_metrics_as_the_settings_say(tmp_path: Path, offered: bool, status: int) -> None:
    app = create_app(replace(settings_of_tests(tmp_path), metrics=offered))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as web:
        counted = value("http_requests_total", method="GET", route="/healthz", status="200")
        assert (await web.get("/healthz")).status_code == 200
        assert (await web.get("/metrics")).status_code == status
    assert value("http_requests_total", method="GET", route="/healthz", status="200") == counted + offered
