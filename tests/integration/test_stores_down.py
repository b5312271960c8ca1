"""What still works when a store is away, and is it said?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from config.loader import LoadedSettings, load_settings
from core.errors import DatabaseError, ProviderUnavailableError
from core.events import CitationEvent, DoneEvent, NoticeEvent, NoticeKind, Outcome
from core.states import TaskStatus
from core.telemetry import METRICS
from db.engine import create_engine
from db.maintenance import MaintenanceDatabase
from db.models import OutboxEntry
from db.unit_of_work import Database
from services.bootstrap import Services, open_services
from services.connections import application_address, maintenance_address
from services.operations.health import HealthService
from services.worker.container import Worker, open_worker
from services.worker.sweep import LEADER_LOCK, Sweep
from tests.fixtures.application import CLIENT, Department, make_department
from tests.fixtures.outages import impatient, silent_vector_store, without_redis
from tests.fixtures.postgres import PostgresServer

MANUAL = b"# Valves\n\nThe relief valve opens at 6 bar.\n\n# Leave\n\nEverybody has 30 days of leave.\n"
NOTE = b"The relief valve of the other plant opens at 9 bar.\n"
QUESTION = "At how many bar does the relief valve open?"


def _counted() -> list[float]:
    """Attempts that will be repeated, those that will not, and documents that failed."""
    value = METRICS.registry.get_sample_value
    attempts = [value("jobs_total", {"type": "ingest", "status": one}) for one in ("interrupted", "failed")]
    return [number or 0.0 for number in (*attempts, value("ingestion_documents_total", {"status": "failed"}))]


def _degraded() -> float:
    return METRICS.registry.get_sample_value("degraded_total", {"component": "vector_db"}) or 0.0


@asynccontextmanager
async def sweeping(services: Services) -> AsyncIterator[Sweep]:
    """A sweep as a worker runs it."""
    maintenance = MaintenanceDatabase(create_engine(maintenance_address(services.settings), pool_size=2))
    try:
        yield Sweep(maintenance, services.queue)
    finally:
        await maintenance.close()


@pytest.fixture
def loaded(environment: dict[str, str]) -> LoadedSettings:
    return impatient(environment)


# -- the vector store


async def test_full_text_search_stands_in_for_the_vector_store_and_the_reader_is_told(
    department: Department, worker: Worker, postgres_server: PostgresServer, migrated_database: str
) -> None:
    await department.read(worker, "manual.md", MANUAL)
    services = department.services
    before = _degraded()
    with silent_vector_store(postgres_server, migrated_database):
        hits = await services.search.search(department.principal, QUESTION)
        run = await services.answering.ask(department.principal, QUESTION)
        events = [event async for event in run.events()]
    assert _degraded() == before + 2, "a search and an answer"
    assert "6 bar" in hits[0].text
    assert hits[0].score == 1.0
    assert hits[0].dense_score is None
    assert any(isinstance(event, NoticeEvent) and event.kind is NoticeKind.DEGRADED for event in events)
    assert any(isinstance(event, CitationEvent) and "6 bar" in event.citation.quote for event in events)
    # Back again, without a restart.
    assert (await services.search.search(department.principal, QUESTION))[0].dense_score is not None


async def test_full_text_search_keeps_to_what_was_asked_for_and_may_be_seen(
    services: Services,
    department: Department,
    worker: Worker,
    postgres_server: PostgresServer,
    migrated_database: str,
) -> None:
    manual = await department.read(worker, "manual.md", MANUAL)
    await department.read(worker, "note.md", NOTE)
    await department.read(worker, "note.md", NOTE.replace(b"9 bar", b"8 bar"))
    other = await make_department(services, "beta")
    await other.read(worker, "secret.md", b"The relief valve of beta opens at 77 bar.")
    retriever = services.search._retriever
    with silent_vector_store(postgres_server, migrated_database):
        everything = await retriever.retrieve(QUESTION, principal=department.principal, limit=10)
        chosen = await retriever.retrieve(
            QUESTION, principal=department.principal, limit=10, document_ids=frozenset({manual.document_id})
        )
        nothing = await retriever.retrieve("?! …", principal=department.principal, limit=10)
    said = " ".join(candidate.chunk.content for candidate in everything.candidates)
    assert everything.degraded == ("vector_db",)
    assert "6 bar" in said
    assert "8 bar" in said
    assert "9 bar" not in said, "a superseded version answers"
    assert "77 bar" not in said, "another organisation answers"
    assert {candidate.chunk.filename for candidate in chosen.candidates} == {"manual.md"}
    assert nothing.candidates == []


async def test_a_document_is_deleted_though_its_vectors_cannot_be(
    department: Department, worker: Worker, postgres_server: PostgresServer, migrated_database: str
) -> None:
    receipt = await department.read(worker, "manual.md", MANUAL)
    services = department.services
    path, _, _ = await services.documents.file(department.principal, receipt.document_id, receipt.version_id)
    with silent_vector_store(postgres_server, migrated_database):
        await services.documents.delete(department.principal, receipt.document_id, client=CLIENT)
    assert not path.exists()
    assert await services.search.search(department.principal, QUESTION) == ()


async def test_a_file_that_cannot_be_indexed_is_tried_three_times_and_then_failed_with_the_reason(
    department: Department, worker: Worker, postgres_server: PostgresServer, migrated_database: str
) -> None:
    receipt = await department.upload("manual.md", MANUAL)
    organization_id, attempts = department.principal.organization_id, []
    before = _counted()
    with silent_vector_store(postgres_server, migrated_database):
        for _ in range(3):
            await worker.dispatcher.begin(organization_id, receipt.task_id)
            await worker.dispatcher.drain()
            now = await department.services.tasks.receipt(department.principal, receipt.task_id)
            attempts.append((now.attempts, now.status))
    assert attempts == [(1, TaskStatus.RUNNING), (2, TaskStatus.RUNNING), (3, TaskStatus.FAILED)]
    # An attempt that will be repeated is no failed document.
    assert [after - was for after, was in zip(_counted(), before, strict=True)] == [2, 1, 1]
    assert now.failure_code == "provider_unavailable"
    assert now.error_message == "The vector store did not answer."
    assert now.next_step
    again = await department.services.ingestion.reindex(department.principal, receipt.document_id, client=CLIENT)
    await worker.dispatcher.begin(organization_id, again.task_id)
    await worker.dispatcher.drain()
    assert "6 bar" in (await department.services.search.search(department.principal, QUESTION))[0].text


# -- Redis


async def test_without_redis_questions_are_answered_and_uploads_wait_for_the_sweep(
    environment: dict[str, str], tmp_path: Path
) -> None:
    async with open_services(without_redis(environment, tmp_path)) as services:
        department = await make_department(services, "alpha")
        receipt = await department.upload("manual.md", MANUAL)
        assert receipt.status is TaskStatus.QUEUED
        decision = await services.limits.check(department.principal, ip="203.0.113.7", kind="write")
        assert (bool(decision), decision.limit) == (True, 2000)
        report = await services.health.ready()
        redis = next(item for item in report.items if (item.kind, item.name) == ("store", "redis"))
        assert (report.ready, redis.status) == (True, "degraded")
        assert "uploads wait" in redis.detail
        with pytest.raises(ProviderUnavailableError, match="queue does not answer"):
            await services.queue.depth()
        async with sweeping(services) as sweep:
            assert await sweep.run() == 0
        run = await services.answering.ask(department.principal, QUESTION)
        events = [event async for event in run.events()]
        assert isinstance(events[-1], DoneEvent)
        assert events[-1].outcome is Outcome.REFUSED
    # Redis is back: the job that was never enqueued is found in the outbox.
    loaded = load_settings(environ=environment)
    async with open_services(loaded) as services, sweeping(services) as sweep:
        assert await services.queue.depth() == 0
        assert await sweep.run() == 1
        assert await services.queue.depth() == 1
    async with open_worker(loaded) as worker, open_services(loaded) as services:
        await worker.dispatcher.begin(department.principal.organization_id, receipt.task_id)
        await worker.dispatcher.drain()
        assert "6 bar" in (await services.search.search(department.principal, QUESTION))[0].text


async def test_only_one_process_sweeps_at_a_time(services: Services, department: Department) -> None:
    receipt = await department.upload("manual.md", MANUAL)
    organization_id = department.principal.organization_id
    async with services.database.transaction(organization_id) as session:
        session.add(OutboxEntry(organization_id=organization_id, topic="ingest", task_id=receipt.task_id))
    async with sweeping(services) as sweep:
        async with sweep._database.transaction() as session:
            await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LEADER_LOCK})
            assert await sweep.run() == 0
        assert await sweep.run() == 1
        assert await sweep.run() == 0


# -- PostgreSQL


@pytest.fixture
async def nowhere(loaded: LoadedSettings, tmp_path: Path) -> AsyncIterator[Database]:
    """A database that does not answer."""
    database = Database(create_engine(replace(application_address(loaded.settings), host=str(tmp_path)), pool_size=1))
    yield database
    await database.close()


async def test_without_postgresql_the_report_says_so_and_nothing_is_ready(
    services: Services, nowhere: Database
) -> None:
    operations = HealthService(nowhere, services.health._redis, services.plugins, services.health._router)
    report = await operations.ready()
    items = {item.name: item for item in report.items}
    assert not report.ready
    assert items["postgresql"].status == "broken"
    assert "PostgreSQL does not answer" in items["postgresql"].detail
    assert items["worker"].detail == "Unknown while PostgreSQL does not answer."
    with pytest.raises(DatabaseError):
        async with nowhere.transaction(None):
            pass


async def test_a_worker_that_fell_silent_is_reported_and_uploads_are_said_to_wait(services: Services) -> None:
    async def worker() -> tuple[str, str]:
        items = (await services.health.ready()).items
        return next((item.status, item.detail) for item in items if item.name == "worker")

    silent = ("degraded", "No worker is running: uploads wait until one is started.")
    async with sweeping(services) as sweep:
        assert await worker() == silent
        await sweep.beat("alive")
        assert await worker() == ("healthy", "")
        async with sweep._database.transaction() as session:
            await session.execute(text("UPDATE worker_beats SET last_seen_at = now() - interval '1 minute'"))
        assert await worker() == silent
