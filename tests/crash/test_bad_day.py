"""Does every file end with a truthful receipt, whatever is killed, restarted and emptied meanwhile?

Two workers, each killed again and again amid its work; Redis restarted and emptied, PostgreSQL restarted, each once.
The small run is part of every test run; a thousand files are behind the marker ``slow``.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import func, select, text

from config.loader import LoadedSettings, load_settings
from core.errors import KnowledgeFoundryError
from core.states import TaskStatus
from core.types import VectorFilter
from db.models import DocumentChunk, DocumentVersion
from db.repositories.lexical import CHUNKS
from services.bootstrap import Services, open_services
from services.embedded.postgres import find_binaries
from services.views.uploads import Receipt
from tests.crash.generated import GeneratedFile, generated
from tests.fixtures.application import CLIENT, Department, make_department
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.redis import RedisServer, running_redis
from tests.support.waiting import until

ENDED = {TaskStatus.COMPLETED, TaskStatus.FAILED}
SEED = 7
DAY_S = 3600.0
"""The limit of a test ends the small run long before."""


@dataclass(slots=True)
class Workers:
    """Two workers as production runs them."""

    environment: dict[str, str]
    log: Path
    kills: Counter[int] = field(default_factory=Counter)
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def start(self) -> None:
        for _ in range(2):
            self.processes.append(await self._one())

    async def kill(self, place: int) -> None:
        """End one by force, and start another in its place."""
        victim = self.processes[place]
        with suppress(ProcessLookupError):
            victim.send_signal(signal.SIGKILL)
        await victim.wait()
        self.kills[place] += 1
        self.processes[place] = await self._one()

    async def close(self) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                process.terminate()
        await asyncio.gather(*(process.wait() for process in self.processes))

    async def _one(self) -> asyncio.subprocess.Process:
        with self.log.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "jobs.worker",
                env={**os.environ, **self.environment},
                stdout=output,
                stderr=output,
            )


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def bad_day(environment: dict[str, str], own_redis: RedisServer) -> dict[str, str]:
    return environment | {"FOUNDRY__redis__host": str(own_redis.path)}


def restart(postgres: PostgresServer) -> None:
    """As an operator does it: what is under way is broken off."""
    with psycopg.connect(postgres.url("postgres")) as connection:
        row = connection.execute("SELECT setting FROM pg_settings WHERE name = 'data_directory'").fetchone()
    assert row is not None
    folder = Path(row[0])
    command = [str(find_binaries() / "pg_ctl"), "restart", "-m", "immediate", "-w", "-D", str(folder)]
    owner = folder.stat().st_uid
    subprocess.run(
        [*command, "-l", str(folder / "restarted.log")],
        check=True,
        user=owner if os.geteuid() == 0 else None,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def hand_in(department: Department, file: GeneratedFile) -> Receipt:
    """As a client does it: again, until there is a receipt."""

    async def handed_in() -> Receipt | None:
        with suppress(KnowledgeFoundryError):
            return await department.upload(file.name, file.content)
        return None

    return await until(handed_in, within_s=DAY_S)


async def receipts(department: Department, ids: Sequence[UUID]) -> list[Receipt]:
    tasks, me = department.services.tasks, department.principal

    async def told() -> list[Receipt]:
        with suppress(KnowledgeFoundryError):
            return [await tasks.receipt(me, task_id) for task_id in ids]
        return []

    return await until(told, within_s=DAY_S)


async def until_all_ended(department: Department, ids: list[UUID]) -> dict[UUID, Receipt]:
    ended: dict[UUID, Receipt] = {}

    async def all_ended() -> bool:
        waiting = [task_id for task_id in ids if task_id not in ended]
        for receipt in await receipts(department, waiting[:50]) if waiting else ():
            if receipt.status in ENDED:
                ended[receipt.task_id] = receipt
        return len(ended) == len(ids)

    await until(all_ended, within_s=DAY_S, every_s=0.1)
    return ended


async def do_harm(
    workers: Workers, times: int, postgres: PostgresServer, redis: RedisServer, chance: random.Random
) -> None:
    """Each worker is killed so many times, at moments that nobody knows."""
    victims = [0, 1] * times
    chance.shuffle(victims)
    for number, place in enumerate(victims):
        # Long enough for a worker to have begun, short enough to catch it amid its work.
        await asyncio.sleep(chance.uniform(2.5, 6.0))
        await workers.kill(place)
        if number == len(victims) // 3:
            await asyncio.to_thread(redis.restart)
            await asyncio.to_thread(redis.flush)
        if number == 2 * len(victims) // 3:
            await asyncio.to_thread(restart, postgres)


async def _bad_day(
    loaded: LoadedSettings,
    environment: dict[str, str],
    postgres: PostgresServer,
    redis: RedisServer,
    tmp_path: Path,
    files: list[GeneratedFile],
    kills: int,
) -> Counter[int]:
    """How often each worker was killed meanwhile; all receipts and indexes were looked at."""
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(open_services(loaded))
        department = await make_department(services, "alpha", max_documents=len(files))
        workers = Workers(environment, tmp_path / "workers.log")
        await workers.start()
        stack.push_async_callback(workers.close)
        harm = asyncio.create_task(do_harm(workers, kills, postgres, redis, random.Random(SEED)))
        handed_in = [await hand_in(department, file) for file in files]
        ended = await until_all_ended(department, list({receipt.task_id for receipt in handed_in}))
        await harm
        again = await _read_again_what_was_set_aside(department, ended)
        await _truthful(department, files, handed_in, ended | again)
        await _whole(services, department, files)
        return workers.kills


async def _read_again_what_was_set_aside(department: Department, ended: dict[UUID, Receipt]) -> dict[UUID, Receipt]:
    """Files that were in hand at three kills are suspected; somebody reads them again, and they are innocent."""
    suspected = [receipt for receipt in ended.values() if receipt.failure_code == "poison"]
    assert all(receipt.attempts > 3 for receipt in suspected)
    for receipt in suspected:
        del ended[receipt.task_id]
    reindex = department.services.ingestion.reindex
    receipts = [await reindex(department.principal, receipt.document_id, client=CLIENT) for receipt in suspected]
    return await until_all_ended(department, [receipt.task_id for receipt in receipts])


async def _truthful(
    department: Department, files: list[GeneratedFile], handed_in: list[Receipt], ended: dict[UUID, Receipt]
) -> None:
    by_document = {receipt.document_id: receipt for receipt in ended.values()}
    assert len(handed_in) == len(files)
    assert len(by_document) == len({file.name for file in files})
    for file, receipt in zip(files, handed_in, strict=True):
        end = by_document[receipt.document_id]
        assert end.failure_code == file.failure, (file.name, end)
        assert end.status is (TaskStatus.FAILED if file.failure else TaskStatus.COMPLETED)
        if file.failure:
            assert end.error_message
            assert end.next_step


async def _whole(services: Services, department: Department, files: list[GeneratedFile]) -> None:
    organization = department.principal.organization_id
    async with services.database.transaction(organization) as session:
        chunks = (
            await session.execute(select(DocumentChunk.version_id, DocumentChunk.chunk_index, DocumentChunk.is_deleted))
        ).all()
        promised = await session.scalar(select(func.sum(DocumentVersion.chunk_count)))
        counted = await session.scalar(
            text("SELECT document_count FROM term_statistics WHERE term_id = :term"), {"term": CHUNKS}
        )
        versions = await session.scalar(select(func.count(DocumentVersion.id)))
    names = {file.name for file in files}
    assert versions == len(names)
    assert not any(row.is_deleted for row in chunks)
    assert len(chunks) == len(set(chunks)) == promised == counted
    primary = services.indexes.primary
    assert primary.vectors is not None
    assert await primary.vectors.count(primary.collection, VectorFilter(organization)) == len(chunks)
    for file in files:
        if file.failure is None:
            hits = await services.search.find(department.principal, file.phrase, limit=10)
            assert file.name in {hit.chunk.filename for hit in hits}, file.name


@pytest.mark.timeout(600)
async def test_two_dozen_files_on_a_bad_day(
    bad_day: dict[str, str], postgres_server: PostgresServer, own_redis: RedisServer, tmp_path: Path
) -> None:
    files = generated(24, corrupt=2, duplicates=2, encrypted=1, seed=SEED)
    loaded = load_settings(environ=bad_day)
    killed = await _bad_day(loaded, bad_day, postgres_server, own_redis, tmp_path, files, kills=2)
    assert killed == {0: 2, 1: 2}


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_a_thousand_files_on_a_bad_day(
    bad_day: dict[str, str], postgres_server: PostgresServer, own_redis: RedisServer, tmp_path: Path
) -> None:
    files = generated(1000, corrupt=10, duplicates=20, encrypted=5, seed=SEED)
    loaded = load_settings(environ=bad_day)
    killed = await _bad_day(loaded, bad_day, postgres_server, own_redis, tmp_path, files, kills=20)
    assert killed == {0: 20, 1: 20}
