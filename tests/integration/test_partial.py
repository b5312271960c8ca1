"""Does a long document answer page by page where that is allowed, say so, and leave nothing when it ends badly?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from config.product import IngestionSettings
from core.events import NoticeEvent, NoticeKind
from core.states import DocumentStatus, IngestionStage, TaskStatus
from core.types import EmbeddingKind, ParsedDocument, ParsedPage, Vector
from services.indexing.embedding import BATCH
from services.indexing.pipeline import ChunkingRules, IngestionPipeline, Take
from services.maintenance.findings import MaintenanceKind
from services.tasks.leases import LeaseKeeper
from services.views.search import SearchHit
from services.views.uploads import Receipt
from tests.fixtures.application import CLIENT, Department, read_task
from tests.integration.test_pipeline import change
from tests.support.caretaker import Caretaker
from tests.support.waiting import PATIENCE_S, until

PAGES = 3 * BATCH - 10
HELD = f"Valve {PAGES} "
FIRST = "At how many bar does valve 3 open?"


class HeldEmbedding:
    """The real model, which is not given the last page until somebody lets it."""

    def __init__(self, embedding: Any) -> None:
        self._embedding = embedding
        self.release = asyncio.Event()
        self.held = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._embedding, name)

    async def embed_batch(
        self, texts: Sequence[str], batch_size: int = 32, *, kind: EmbeddingKind = EmbeddingKind.PASSAGE
    ) -> Vector:
        if any(HELD in text for text in texts):
            self.held.set()
            await self.release.wait()
        vectors: Vector = await self._embedding.embed_batch(texts, batch_size, kind=kind)
        return vectors


async def many_pages(path: Path, mime_type: str, take: Take) -> ParsedDocument:
    bar = (await asyncio.to_thread(path.read_text)).strip()
    pages = [ParsedPage(number, f"Valve {number} opens at {bar} bar.") for number in range(1, PAGES + 1)]
    return ParsedDocument(tuple(pages))


def pipeline(department: Department, embedding: Any, *, partially: bool) -> IngestionPipeline:
    services = department.services
    return IngestionPipeline(
        database=services.database,
        blobs=services.blobs,
        leases=LeaseKeeper(services.database, owner="test"),
        parse=many_pages,
        embedding=embedding,
        indexes=services.indexes,
        lexical=services.lexical,
        rules=ChunkingRules(200, 20, 10),
        settings=IngestionSettings(partial_answers=partially),
    )


@asynccontextmanager
async def half_read(
    department: Department, receipt: Receipt, *, allowed: bool = True, answers: bool = True
) -> AsyncIterator[tuple[HeldEmbedding, asyncio.Task[None]]]:
    """The task while all but the last batch are stored."""
    embedding = HeldEmbedding(department.services.embedding)
    reading = asyncio.create_task(
        read_task(
            pipeline(department, embedding, partially=allowed), department.principal.organization_id, receipt.task_id
        )
    )

    async def checkpointed() -> bool:
        return ((await now(department, receipt)).pages_done or 0) >= 2 * BATCH

    async def published() -> bool:
        return any(hit.pages_read == (2 * BATCH, PAGES) for hit in await found(department))

    await asyncio.wait_for(embedding.held.wait(), PATIENCE_S)
    await until(checkpointed)
    if answers:
        await until(published)
    try:
        yield embedding, reading
    finally:
        embedding.release.set()
        await asyncio.wait([reading])


async def now(department: Department, receipt: Receipt) -> Receipt:
    return await department.services.tasks.receipt(department.principal, receipt.task_id)


async def found(department: Department, question: str = FIRST) -> tuple[SearchHit, ...]:
    return await department.services.search.search(department.principal, question)


async def assert_counts_are_right(caretaker: Caretaker) -> None:
    for kind in (MaintenanceKind.STATISTICS, MaintenanceKind.VECTORS):
        report = await caretaker.round(kind)
        assert (report.found, report.details) == (0, {}), kind


async def test_first_pages_answer_while_the_others_are_read_and_everybody_is_told(
    department: Department, caretaker: Caretaker
) -> None:
    receipt = await department.upload("valves.txt", b"6")
    async with half_read(department, receipt) as (embedding, reading):
        hits = await found(department)
        assert (hits[0].page, hits[0].pages_read) == (3, (2 * BATCH, PAGES))
        assert max(hit.page for hit in hits) <= 2 * BATCH
        so_far = await now(department, receipt)
        assert (so_far.pages_done, so_far.pages) == (2 * BATCH, PAGES)
        view = await department.services.documents.get(department.principal, receipt.document_id)
        assert view.status is DocumentStatus.INDEXING
        assert view.warning == f"It is still being read: {2 * BATCH} of {PAGES} pages answer."
        run = await department.services.answering.ask(department.principal, FIRST)
        notices = [e.text for e in [one async for one in run.events()] if isinstance(e, NoticeEvent)
                   and e.kind is NoticeKind.PARTIAL]  # fmt: skip
        assert notices == [f"valves.txt is still being read: only {2 * BATCH} of its {PAGES} pages answer yet."]
        assert (await caretaker.round(MaintenanceKind.STATISTICS)).found == 0
        embedding.release.set()
        await reading
    done = await now(department, receipt)
    assert (done.stage, done.pages, done.pages_done, done.chunks) == (IngestionStage.READY, PAGES, None, PAGES)
    assert (await found(department))[0].pages_read is None
    view = await department.services.documents.get(department.principal, receipt.document_id)
    assert (view.status, view.warning) == (DocumentStatus.READY, None)
    await assert_counts_are_right(caretaker)


@pytest.mark.sees("ingestion.partial_answers")
async def test_nothing_answers_before_its_end_where_that_is_not_allowed(department: Department) -> None:
    receipt = await department.upload("valves.txt", b"6")
    async with half_read(department, receipt, allowed=False, answers=False):
        assert await found(department) == ()
    assert (await found(department))[0].page == 3


async def test_what_answered_is_taken_back_when_reading_is_stopped(
    department: Department, caretaker: Caretaker
) -> None:
    receipt = await department.upload("valves.txt", b"6")
    tasks, me = department.services.tasks, department.principal
    async with half_read(department, receipt):
        assert await found(department)
        await tasks.cancel(me, receipt.task_id, client=CLIENT)
        assert await found(department) == ()
        view = await department.services.documents.get(me, receipt.document_id)
        assert (view.status, view.version_id) == (DocumentStatus.FAILED, None)
    assert (await caretaker.round(MaintenanceKind.STATISTICS)).found == 0
    again = await department.services.ingestion.reindex(me, receipt.document_id, client=CLIENT)
    await read_task(
        pipeline(department, department.services.embedding, partially=True), me.organization_id, again.task_id
    )
    assert (await now(department, again)).chunks == PAGES
    assert (await found(department))[0].page == 3
    await assert_counts_are_right(caretaker)


async def test_whoever_takes_it_over_goes_on_and_counts_nothing_twice(
    department: Department, caretaker: Caretaker
) -> None:
    receipt = await department.upload("valves.txt", b"6")
    async with half_read(department, receipt) as (_, reading):
        reading.cancel()
        await asyncio.wait([reading])
        assert await found(department)
    await change(department, receipt.task_id, lease_until=receipt.created_at)
    await read_task(
        pipeline(department, department.services.embedding, partially=True),
        department.principal.organization_id,
        receipt.task_id,
    )
    done = await now(department, receipt)
    assert (done.status, done.attempts, done.chunks) == (TaskStatus.COMPLETED, 2, PAGES)
    await assert_counts_are_right(caretaker)


async def test_a_new_version_never_answers_in_part(department: Department) -> None:
    first = await department.upload("valves.txt", b"6")
    plain = pipeline(department, department.services.embedding, partially=True)
    await read_task(plain, department.principal.organization_id, first.task_id)
    second = await department.upload("valves.txt", b"9")
    async with half_read(department, second, answers=False):
        hits = await found(department)
        assert {hit.version_number for hit in hits} == {1}
        assert {hit.pages_read for hit in hits} == {None}
    assert {hit.version_number for hit in await found(department)} == {2}
