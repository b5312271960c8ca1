"""Whatever step the process dies or stops at: is the document there in the end, whole and once?"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import func, select, text

from core.types import VectorFilter
from db.engine import create_engine
from db.maintenance import MaintenanceDatabase
from db.models import DocumentChunk, DocumentVersion, IndexedVersion, Task
from db.repositories.lexical import CHUNKS
from services.bootstrap import Services
from services.connections import maintenance_address, redis_url
from services.indexing.embedding import BATCH
from services.tasks.leases import LEASE_S
from services.tasks.queue import connect
from services.uploads.attachments import full_name
from services.worker.sweep import FORGOTTEN, Sweep
from tests.crash.points import points_in_code
from tests.crash.victim import NOTE, PART, pipeline, upload
from tests.fixtures.application import Department, read_task
from tests.fixtures.postgres import PostgresServer

LINES = BATCH + 6
"""Chunks of a document: two batches."""
UPLOADING = ("blob.", "upload.")
REPEATED = ("embed.batch", "vectors.batch", "vectors.stored", "checkpoint.written")
"""Points that a document of two batches comes to twice."""
WITHIN_S = 30


@dataclass(slots=True)
class Victims:
    """Processes that are told where to die."""

    process: asyncio.subprocess.Process
    fired: Counter[str] = field(default_factory=Counter)

    async def order(self, **order: object) -> dict[str, object]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        await self.process.stdin.drain()
        async with asyncio.timeout(WITHIN_S):
            answer: dict[str, object] = json.loads(await self.process.stdout.readline())
        return answer


@asynccontextmanager
async def victims(environment: dict[str, str]) -> AsyncIterator[Victims]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.crash.victim",
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Victims(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


@dataclass(frozen=True, slots=True)
class Trial:
    """One document and where its process ends."""

    number: int
    point: str
    nth: int
    action: str
    """``kill``, or ``stop``: it goes on after somebody else has finished."""

    @property
    def filename(self) -> str:
        return f"trial-{self.number}.txt"

    @property
    def note(self) -> str:
        """The name of what lay in it."""
        return full_name(self.filename, PART)

    def content(self, edition: int = 1) -> bytes:
        return "".join(
            f"Valve {self.number}-{line} of edition {edition} opens at {line + 3} bar.\n" for line in range(LINES)
        ).encode()


def drawn(number: int, point: str, action: str) -> Trial:
    nth = random.Random(number).randint(1, 2) if point in REPEATED else 1
    return Trial(number, point, nth, action)


@dataclass(frozen=True, slots=True)
class Bench:
    """What a trial is made on."""

    department: Department
    victims: Victims
    sweep: Sweep
    queue: Queue
    postgres: PostgresServer
    database: str

    @property
    def services(self) -> Services:
        return self.department.services

    async def run(self, trial: Trial) -> None:
        """Crash, recover, and look."""
        uploading = trial.point.startswith(UPLOADING)
        organization = self.department.principal.organization_id
        order = {
            "organization": str(organization),
            "point": trial.point,
            "nth": trial.nth,
            "action": trial.action,
        }
        if uploading:
            user, content = str(self.department.principal.user_id), trial.content().decode()
            ended = await self.victims.order(**order, user=user, filename=trial.filename, content=content)
        else:
            task = await upload(self.services, self.department.principal, trial.filename, trial.content())
            ended = await self.victims.order(**order, task=str(task))
        self._note(trial, ended)
        if ended["stopped"]:
            self._end_idle_transactions()
        await self.recover(trial)
        await self.whole(trial)
        if ended["stopped"]:
            resumed = await self.victims.order(resume=ended["pid"])
            assert not resumed["stopped"]
            await self.recover(trial)
            await self.whole(trial)

    def _note(self, trial: Trial, ended: dict[str, object]) -> None:
        died = ended["code"] == -9 if trial.action == "kill" else ended["stopped"]
        self.victims.fired[trial.point] += bool(died)

    def _end_idle_transactions(self) -> None:
        """What PostgreSQL does by itself after ``idle_in_transaction_session_timeout``."""
        self.postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{self.database}' AND state = 'idle in transaction'"
        )

    async def recover(self, trial: Trial) -> None:
        """Leases run out, the sweep enqueues, another worker reads; and who got no receipt hands the file in again."""
        organization = self.department.principal.organization_id
        await upload(self.services, self.department.principal, trial.filename, trial.content())
        for _ in range(2):
            self.postgres.execute(
                f"UPDATE tasks SET lease_until = lease_until - interval '{LEASE_S} s', "
                f"updated_at = updated_at - interval '{FORGOTTEN.total_seconds()} s' "
                "WHERE status IN ('queued', 'running')",
                database=self.database,
            )
            await self.sweep.run()
            enqueued = {UUID(job.args[1]) for job in await asyncio.to_thread(lambda: self.queue.jobs)}
            await asyncio.to_thread(self.queue.delete, delete_jobs=True)
            for task in enqueued:
                await read_task(pipeline(self.services), organization, task)

    async def whole(self, trial: Trial) -> None:
        """One document, one answering version, every chunk and vector once, statistics and files to match."""
        await self._version(trial.filename, trial.content(), trial.content().decode().splitlines())
        note = NOTE.format(trial=trial.number)
        await self._version(trial.note, note.encode(), [note])

    async def _version(self, filename: str, content: bytes, lines: list[str]) -> None:
        organization = self.department.principal.organization_id
        async with self.services.database.transaction(organization) as session:
            version = (await session.scalars(select(DocumentVersion).where(DocumentVersion.filename == filename))).one()
            statuses = list(await session.scalars(select(Task.status).where(Task.version_id == version.id)))
            chunks = list(
                await session.scalars(
                    select(DocumentChunk.content)
                    .where(DocumentChunk.version_id == version.id)
                    .order_by(DocumentChunk.page)
                )
            )
            members = await session.scalar(
                select(func.count(IndexedVersion.id)).where(IndexedVersion.version_id == version.id)
            )
            counted = await session.scalar(
                text("SELECT document_count FROM term_statistics WHERE term_id = :term"), {"term": CHUNKS}
            )
            everything = await session.scalar(select(func.count(DocumentChunk.id)))
        assert statuses == ["completed"]
        assert chunks == lines
        assert members == 1
        assert counted == everything
        primary = self.services.indexes.primary
        assert primary.vectors is not None
        found = await primary.vectors.count(
            primary.collection, VectorFilter(organization, document_ids=frozenset({version.document_id}))
        )
        assert found == len(lines)
        assert self.services.blobs.resolve(version.file_path).read_bytes() == content


@pytest.fixture
async def bench(
    department: Department, environment: dict[str, str], postgres_server: PostgresServer, migrated_database: str
) -> AsyncIterator[Bench]:
    settings = department.services.settings
    async with department.services.database.transaction(department.principal.organization_id) as session:
        await session.execute(text("UPDATE organizations SET max_documents = 100000"))
    maintenance = MaintenanceDatabase(create_engine(maintenance_address(settings), pool_size=1))
    queue = Queue(settings.queue.names[0], connection=connect(redis_url(settings)), serializer=JSONSerializer)
    queue.delete(delete_jobs=True)
    async with victims(environment) as ready:
        sweep = Sweep(maintenance, department.services.queue)
        yield Bench(department, ready, sweep, queue, postgres_server, migrated_database)
    await maintenance.close()


def test_every_crash_point_has_a_name_of_its_own() -> None:
    assert [name for name, times in Counter(points_in_code()).items() if times > 1] == []


async def _run(bench: Bench, trials: list[Trial]) -> None:
    for trial in trials:
        await bench.run(trial)


@pytest.mark.timeout(600)
async def test_a_document_survives_a_crash_at_every_point(bench: Bench) -> None:
    points = points_in_code()
    await _run(bench, [drawn(number, point, "kill") for number, point in enumerate(points)])
    assert {point for point in points if not bench.victims.fired[point]} == set()


@pytest.mark.timeout(600)
async def test_a_process_that_slept_past_its_lease_changes_nothing(bench: Bench) -> None:
    # Every third point; the thousand crashes behind the marker stop at all of them.
    points = points_in_code()[::3]
    await _run(bench, [drawn(number, point, "stop") for number, point in enumerate(points)])
    assert {point for point in points if not bench.victims.fired[point]} == set()


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_a_thousand_crashes(bench: Bench) -> None:
    chance = random.Random(4)
    points = points_in_code()
    choose: Callable[[], tuple[str, str]] = lambda: (chance.choice(points), chance.choice(["kill", "kill", "stop"]))  # noqa: E731
    await _run(bench, [drawn(number, *choose()) for number in range(1000)])
    assert {point for point in points if not bench.victims.fired[point]} == set()
    print(json.dumps(dict(bench.victims.fired)))
