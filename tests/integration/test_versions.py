"""Does a document keep its past: what it said when, what changed, and the way back?"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from sqlalchemy import delete, func, select, text, update

from config.loader import LoadedSettings
from core.errors import AuthorizationError, ConflictError, NotFoundError, ValidationError
from core.events import CitationEvent, NoticeEvent, NoticeKind, RefusalEvent, TokenEvent
from core.identity import Role
from core.states import TaskStatus
from core.types import HybridHit, ParsedDocument, VectorFilter
from db.engine import create_engine
from db.maintenance import MaintenanceDatabase
from db.models import (
    AuditLog,
    Collection,
    DocumentVersion,
    IndexedVersion,
    KeptVectors,
    Task,
    TermStatistic,
    VersionBand,
    VersionPeriod,
)
from services.connections import maintenance_address
from services.indexing.pipeline import Take
from services.search.full_text import search_full_text
from services.search.retriever import HybridRetriever, SearchMode, _Search
from services.search_index.indexes import Index
from services.search_index.term_statistics import Statistics, TermCounts
from services.uploads import near_duplicates
from services.views.uploads import Receipt
from services.worker.container import Worker
from services.worker.superseded import Superseded
from tests.fixtures.application import CLIENT, Department, read_task
from tests.fixtures.documents import pdf_pages
from tests.fixtures.postgres import PostgresServer
from tests.integration.test_gateway import api, sign_in  # noqa: F401 - the fixture
from tests.integration.test_pipeline import as_it_stands, pipeline

OLD = (
    b"# Valves\n\nThe relief valve of the boiler opens at 6 bar.\n\n"
    b"# Gauges\n\nThe gauge beside the relief valve reads 6 bar.\n"
)
NEW = OLD.replace(b"6 bar", b"8 bar")
OLD_PAGES = [
    ["The relief valve of the boiler opens at 6 bar."],
    ["The gauge of the relief valve of the boiler reads 6 bar when it opens."],
]
NEW_PAGES = [[line.replace("6 bar", "8 bar") for line in page] for page in OLD_PAGES]
QUESTION = "At how many bar does the relief valve of the boiler open?"
LONG = " ".join(
    f"In step {number} of the plan somebody turns wheel {number * 3} by {number} degrees." for number in range(80)
).encode()
WITHIN_S = 5.0


def now() -> datetime:
    return datetime.now(UTC)


async def answer(department: Department, as_of: datetime | None = None, question: str = QUESTION) -> str:
    run = await department.services.answering.ask(department.principal, question, as_of=as_of)
    events = [event async for event in run.events()]
    if refusal := next((event for event in events if isinstance(event, RefusalEvent)), None):
        return f"refused: {refusal.reason}"
    return "".join(event.text for event in events if isinstance(event, TokenEvent))


async def statistics(department: Department) -> dict[int, int]:
    async with department.services.database.transaction(department.principal.organization_id) as session:
        rows = await session.execute(select(TermStatistic.term_id, TermStatistic.document_count))
        return {row.term_id: row.document_count for row in rows if row.document_count}


async def restore(department: Department, receipt: Receipt, number: int) -> float:
    """Put a version in force again; how many seconds that took."""
    began = time.perf_counter()
    done = await department.services.versions.restore(department.principal, receipt.document_id, number, client=CLIENT)
    assert done.receipt is None
    assert done.version.answers
    return time.perf_counter() - began


async def hand_in(department: Department, name: str, content: bytes, document_id: UUID | None = None) -> Receipt:
    """An upload for a document that a person chose."""

    async def blocks() -> AsyncIterator[bytes]:
        yield content

    return await department.services.ingestion.upload(
        department.principal, filename=name, chunks=blocks(), document_id=document_id, client=CLIENT
    )


async def finish(department: Department, worker: Worker, receipt: Receipt) -> Receipt:
    await worker.dispatcher.begin(department.principal.organization_id, receipt.task_id)
    await worker.dispatcher.drain()
    return await department.services.tasks.receipt(department.principal, receipt.task_id)


# -- switching while people ask


async def test_a_hundred_questions_amid_a_switch_get_the_old_answer_or_the_new_one_whole(
    department: Department, worker: Worker
) -> None:
    await department.read(worker, "valves.pdf", pdf_pages(OLD_PAGES))
    before = now()
    asked = await department.upload("valves.pdf", pdf_pages(NEW_PAGES))
    gate, switched = asyncio.Semaphore(25), asyncio.Event()

    async def ask(number: int) -> str:
        if number >= 70:
            await switched.wait()
        async with gate:
            return await answer(department)

    questions = [asyncio.create_task(ask(number)) for number in range(100)]
    await asyncio.wait(questions[:10], return_when=asyncio.FIRST_COMPLETED)
    await worker.dispatcher.begin(department.principal.organization_id, asked.task_id)
    await worker.dispatcher.drain()
    switched.set()
    answers = await asyncio.gather(*questions)
    assert all(text.count(" bar") > 1 for text in answers), set(answers)
    assert all(("6 bar" in text) != ("8 bar" in text) for text in answers), set(answers)
    assert len(set(answers)) == 2
    assert "8 bar" in await answer(department)
    assert "6 bar" in await answer(department, before)
    assert await restore(department, asked, 1) < WITHIN_S
    assert "6 bar" in await answer(department)


async def test_versions_that_go_back_and_forth_are_never_mixed(department: Department, worker: Worker) -> None:
    await department.read(worker, "valves.pdf", pdf_pages(OLD_PAGES))
    receipt = await department.read(worker, "valves.pdf", pdf_pages(NEW_PAGES))

    enough = asyncio.Event()

    async def back_and_forth() -> int:
        for times in itertools.count():
            if enough.is_set():
                return times
            await restore(department, receipt, 1 + times % 2)
        return 0

    switching = asyncio.create_task(back_and_forth())
    answers: list[str] = []
    async with asyncio.timeout(60):
        while len(answers) < 50 or len(set(answers)) < 2:
            answers += await asyncio.gather(*(answer(department) for _ in range(5)))
    enough.set()
    assert await switching > 10
    assert all(("6 bar" in text) != ("8 bar" in text) for text in answers), set(answers)


async def test_hits_older_than_the_new_vectors_are_searched_again(department: Department, worker: Worker) -> None:
    """The store answered before the new version was in it, and the join comes after the switch."""
    await department.read(worker, "valves.md", OLD)
    services, found, switched = department.services, asyncio.Event(), asyncio.Event()

    class Slow(HybridRetriever):
        async def _hits(self, index: Index, search: _Search, depth: int) -> list[HybridHit]:
            hits = await super()._hits(index, search, depth)
            found.set()
            await switched.wait()
            return hits

    retriever = Slow(database=services.database, indexes=services.indexes, lexical=services.lexical, dense_weight=0.5)
    search = asyncio.create_task(retriever.retrieve(QUESTION, principal=department.principal, limit=5))
    await found.wait()
    await department.read(worker, "valves.md", NEW)
    switched.set()
    texts = [candidate.chunk.content for candidate in (await search).candidates]
    assert any("8 bar" in text for text in texts)
    assert not any("6 bar" in text for text in texts)


# -- periods


async def test_every_time_a_version_answered_is_kept_and_none_overlap(department: Department, worker: Worker) -> None:
    await department.read(worker, "valves.md", OLD)
    receipt = await department.read(worker, "valves.md", NEW)
    counted = await statistics(department)
    for number in (1, 2):
        await restore(department, receipt, number)
    second, first = await department.services.versions.list_all(department.principal, receipt.document_id)
    assert (first.number, second.number, first.answers, second.answers) == (1, 2, False, True)
    periods = sorted([*first.periods, *second.periods], key=lambda period: period.valid_from)
    assert [len(first.periods), len(second.periods)] == [2, 2]
    assert all(earlier.valid_to == later.valid_from for earlier, later in itertools.pairwise(periods))
    assert periods[-1].valid_to is None
    assert await statistics(department) == counted


@pytest.mark.parametrize("valid_to", ["NULL", "now() + interval '1 hour'"])
async def test_the_database_takes_no_two_periods_at_once(
    department: Department, worker: Worker, postgres_server: PostgresServer, migrated_database: str, valid_to: str
) -> None:
    await department.read(worker, "valves.md", OLD)
    with psycopg.connect(postgres_server.url(migrated_database)) as connection:
        with pytest.raises(psycopg.errors.IntegrityError):
            connection.execute(
                "INSERT INTO version_periods (organization_id, document_id, version_id, valid_from, valid_to)"
                f" SELECT organization_id, document_id, version_id, valid_from + interval '1 s', {valid_to}"
                " FROM version_periods".encode()
            )


async def test_periods_and_bands_of_one_organisation_are_hidden_from_another(
    department: Department, worker: Worker
) -> None:
    await department.read(worker, "long.md", LONG)
    for organization_id, there in ((department.principal.organization_id, True), (uuid4(), False)):
        async with department.services.database.transaction(organization_id) as session:
            for table in (VersionPeriod, VersionBand):
                assert bool(await session.scalar(select(func.count()).select_from(table))) is there


async def test_deleting_a_document_takes_its_past_along(department: Department, worker: Worker) -> None:
    before = await department.read(worker, "valves.md", OLD)
    moment = now()
    assert "6 bar" in await answer(department, moment)
    await department.services.documents.delete(department.principal, before.document_id, client=CLIENT)
    assert await answer(department, moment) == "refused: no_documents"
    async with department.services.database.transaction(department.principal.organization_id) as session:
        assert await session.scalar(select(func.count(VersionPeriod.id))) == 0


# -- the way back


async def test_a_restore_embeds_nothing_and_is_audited(department: Department, worker: Worker) -> None:
    await department.read(worker, "valves.md", OLD)
    receipt = await department.read(worker, "valves.md", NEW)
    organization_id = department.principal.organization_id
    async with department.services.database.transaction(organization_id) as session:
        tasks = await session.scalar(select(func.count(Task.id)))
    await restore(department, receipt, 1)
    view = await department.services.documents.get(department.principal, receipt.document_id)
    assert (view.version_number, view.size_bytes) == (1, len(OLD))
    async with department.services.database.transaction(organization_id) as session:
        assert await session.scalar(select(func.count(Task.id))) == tasks
        changes = list(await session.scalars(select(AuditLog.changes).order_by(AuditLog.timestamp.desc()).limit(1)))
    assert changes[0]["after"] == {"active_version_id": str(view.version_id), "restored": 1}


async def test_versions_read_before_their_counts_were_kept_are_counted_again(
    department: Department, worker: Worker
) -> None:
    await department.read(worker, "valves.md", OLD)
    receipt = await department.read(worker, "valves.md", NEW + b"\nIt is checked in May.\n")
    counted = await statistics(department)
    async with department.services.database.transaction(department.principal.organization_id) as session:
        await session.execute(update(DocumentVersion).values(term_counts=None))
    await restore(department, receipt, 1)
    assert await statistics(department) != counted
    await restore(department, receipt, 2)
    assert await statistics(department) == counted


async def test_a_long_document_is_put_back_within_seconds(department: Department, worker: Worker) -> None:
    """The counts of a book (3,300 chunks, 20,000 words) stand in for one: embedding it is not what is timed."""
    await department.read(worker, "book.md", OLD)
    receipt = await department.read(worker, "book.md", NEW)
    async with department.services.database.transaction(department.principal.organization_id) as session:
        for version in await session.scalars(select(DocumentVersion)):
            first = 10_000 * version.number  # half of the words of each are those of the other
            chunks = [TermCounts(Counter(range(first + n, first + n + 200)), 200) for n in range(0, 19_800, 6)]
            version.term_counts = Statistics.of(chunks).packed()
    assert await restore(department, receipt, 1) < WITHIN_S
    assert await restore(department, receipt, 2) < WITHIN_S


async def test_what_cannot_be_restored_is_said_with_the_next_step(department: Department, worker: Worker) -> None:
    first = await department.read(worker, "valves.md", OLD)
    versions, me = department.services.versions, department.principal
    with pytest.raises(ConflictError, match="answers already"):
        await versions.restore(me, first.document_id, 1, client=CLIENT)
    with pytest.raises(NotFoundError, match="no version 7"):
        await versions.restore(me, first.document_id, 7, client=CLIENT)
    with pytest.raises(NotFoundError):
        await versions.restore(me, uuid4(), 1, client=CLIENT)
    await department.read(worker, "valves.md", NEW)
    await department.upload("valves.md", NEW + b"\nMore.\n")
    with pytest.raises(ConflictError, match="being read right now"):
        await versions.restore(me, first.document_id, 1, client=CLIENT)
    viewer = replace(me, user_id=uuid4(), role=Role.VIEWER)
    assert len(await versions.list_all(viewer, first.document_id)) == 3
    with pytest.raises(AuthorizationError):
        await versions.restore(viewer, first.document_id, 1, client=CLIENT)


async def _indexed(department: Department) -> int:
    async with department.services.database.transaction(department.principal.organization_id) as session:
        return await session.scalar(select(func.count(IndexedVersion.id))) or 0


async def _leave_the_store(department: Department, loaded: LoadedSettings) -> None:
    maintenance = MaintenanceDatabase(create_engine(maintenance_address(loaded.settings), pool_size=1))
    try:
        superseded = Superseded(maintenance, department.services.indexes)
        async with asyncio.timeout(30):
            # The worker's own housekeeping may be at it as well.
            while await _indexed(department) > 1:
                if not await superseded.run():
                    await asyncio.sleep(0.02)
    finally:
        await maintenance.close()


async def test_a_version_that_left_the_store_is_found_as_of_its_time_and_comes_back_without_the_model(
    department: Department, worker: Worker, loaded: LoadedSettings
) -> None:
    receipt = await department.read(worker, "valves.md", OLD)
    moment = now()
    await department.read(worker, "valves.md", NEW)
    primary = department.services.indexes.primary
    assert primary.vectors is not None
    everything = VectorFilter(department.principal.organization_id)
    await _leave_the_store(department, loaded)
    chunks = await department.services.documents.get(department.principal, receipt.document_id)
    assert await primary.vectors.count(primary.collection, everything) == chunks.chunks
    then = await answer(department, as_of=moment)
    assert "6 bar" in then
    for mode in (SearchMode.DENSE, SearchMode.BM25):
        hits = await department.services.search.find(department.principal, QUESTION, limit=5, mode=mode, as_of=moment)
        assert {hit.chunk.version_number for hit in hits} == {1}
    assert "8 bar" in await answer(department)
    assert await restore(department, receipt, 1) < WITHIN_S
    assert "6 bar" in await answer(department)
    await _leave_the_store(department, loaded)
    assert "6 bar" in await answer(department)


async def test_a_version_that_is_just_leaving_the_store_is_found_as_of_its_time(
    department: Department, worker: Worker
) -> None:
    receipt = await department.read(worker, "valves.md", OLD)
    moment = now()
    await department.read(worker, "valves.md", NEW)
    primary = department.services.indexes.primary
    assert primary.vectors is not None
    # As it is between the removal of its vectors and the commit that says so.
    await primary.vectors.delete_version(primary.collection, receipt.version_id, department.principal.organization_id)
    hits = await department.services.search.find(department.principal, QUESTION, limit=5, as_of=moment)
    assert {hit.chunk.version_number for hit in hits} == {1}


async def test_a_version_of_which_no_vectors_are_kept_is_read_again_and_then_answers(
    department: Department, worker: Worker
) -> None:
    first = await department.read(worker, "valves.md", OLD)
    moment = now()
    await department.read(worker, "valves.md", NEW)
    organization_id = department.principal.organization_id
    async with department.services.database.transaction(organization_id) as session:
        await session.execute(delete(IndexedVersion).where(IndexedVersion.version_id == first.version_id))
        await session.execute(delete(KeptVectors).where(KeptVectors.version_id == first.version_id))
    run = await department.services.answering.ask(department.principal, QUESTION, as_of=moment)
    notices = [event async for event in run.events() if isinstance(event, NoticeEvent)]
    assert any("no longer holds some versions of that time" in notice.text for notice in notices)
    done = await department.services.versions.restore(department.principal, first.document_id, 1, client=CLIENT)
    assert done.receipt is not None
    assert "read again" in done.note
    assert "8 bar" in await answer(department)
    assert (await finish(department, worker, done.receipt)).status is TaskStatus.COMPLETED
    assert "6 bar" in await answer(department)


async def test_reading_again_after_a_restore_reads_what_answers(department: Department, worker: Worker) -> None:
    await department.read(worker, "valves.md", OLD)
    receipt = await department.read(worker, "valves.md", NEW)
    await restore(department, receipt, 1)
    again = await department.services.ingestion.reindex(department.principal, receipt.document_id, client=CLIENT)
    assert (await finish(department, worker, again)).version_number == 1
    assert "6 bar" in await answer(department)


async def test_a_later_upload_answers_though_the_earlier_is_read_last(department: Department, worker: Worker) -> None:
    await department.read(worker, "valves.md", OLD)
    slow = await department.upload("valves.md", OLD.replace(b"6 bar", b"7 bar"))
    organization_id = department.principal.organization_id

    async def while_another_comes(path: Path, mime_type: str, take: Take) -> ParsedDocument:
        await department.read(worker, "valves.md", NEW)
        return await as_it_stands(path, mime_type, take)

    await read_task(pipeline(department.services, while_another_comes), organization_id, slow.task_id)
    assert (await department.services.tasks.receipt(department.principal, slow.task_id)).status == "completed"
    assert "8 bar" in await answer(department)
    counted = await statistics(department)
    await restore(department, slow, 2)
    assert "7 bar" in await answer(department)
    await restore(department, slow, 3)
    assert await statistics(department) == counted


async def test_a_move_does_not_bring_back_what_was_replaced_meanwhile(department: Department, worker: Worker) -> None:
    first = await department.read(worker, "valves.md", OLD)
    organization_id = department.principal.organization_id
    async with department.services.database.transaction(organization_id) as session:
        move = Task(
            organization_id=organization_id,
            task_type="move",
            document_id=first.document_id,
            version_id=first.version_id,
        )
        session.add(move)
        await session.flush()
        task_id = move.id

    async def while_another_comes(path: Path, mime_type: str, take: Take) -> ParsedDocument:
        await department.read(worker, "valves.md", NEW)
        return await as_it_stands(path, mime_type, take)

    await read_task(pipeline(department.services, while_another_comes), organization_id, task_id)
    assert "8 bar" in await answer(department)
    view = await department.services.documents.get(department.principal, first.document_id)
    assert (view.version_number, view.status) == (2, "ready")


# -- as of


async def test_an_answer_of_the_past_says_so_and_cites_what_stood_there(department: Department, worker: Worker) -> None:
    await department.read(worker, "valves.md", OLD)
    moment = now()
    await department.read(worker, "valves.md", NEW)
    await department.read(worker, "later.md", b"# Later\n\nThe relief valve of the boiler opens at 9 bar since May.\n")
    services, me = department.services, department.principal
    run = await services.answering.ask(me, QUESTION, as_of=moment)
    events = [event async for event in run.events()]
    assert next(event for event in events if isinstance(event, NoticeEvent)).kind is NoticeKind.AS_OF
    citations = [event.citation for event in events if isinstance(event, CitationEvent)]
    assert {(one.filename, one.version_number, one.superseded) for one in citations} == {("valves.md", 1, True)}
    opened = await services.documents.passage(me, citations[0].chunk_id)
    assert (opened.version_number, opened.superseded) == (1, True)
    stored = (await services.chats.messages(me, run.chat_id))[-1]
    assert stored.as_of == moment
    hits = await services.search.search(me, QUESTION, as_of=moment)
    assert {(hit.filename, hit.version_number, hit.superseded) for hit in hits} == {("valves.md", 1, True)}
    assert {hit.filename for hit in await services.search.search(me, QUESTION)} == {"valves.md", "later.md"}
    assert await answer(department, moment - timedelta(days=1)) == "refused: no_documents"


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (datetime(2999, 1, 1, tzinfo=UTC), "in the future"),
        (datetime(2020, 1, 1), "no time zone"),
        (datetime(1, 1, 1, tzinfo=UTC), "before 1970"),
    ],
)
async def test_a_moment_nobody_can_ask_about_is_refused(department: Department, moment: datetime, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        await department.services.search.search(department.principal, QUESTION, as_of=moment)
    with pytest.raises(ValidationError, match=words):
        await answer(department, moment)


async def test_words_alone_find_the_past_too(department: Department, worker: Worker) -> None:
    await department.read(worker, "valves.md", OLD)
    moment = now()
    await department.read(worker, "valves.md", NEW)
    services, me = department.services, department.principal
    async with services.database.transaction(me.organization_id) as session:
        scope = VectorFilter(me.organization_id, frozenset(await session.scalars(select(Collection.id))))
    for as_of, words in ((moment, "6 bar"), (None, "8 bar")):
        found = await search_full_text(services.database, me, ["relief", "valve"], scope, 5, as_of)
        assert found
        assert all(words in candidate.chunk.content for candidate in found)


# -- handing in


async def test_a_file_of_any_name_becomes_a_version_of_the_document_a_person_chose(
    department: Department, worker: Worker
) -> None:
    first = await department.read(worker, "valves.md", OLD)
    second = await hand_in(department, "valves (final).md", NEW, first.document_id)
    done = await finish(department, worker, second)
    assert (done.document_id, done.version_number, done.filename) == (first.document_id, 2, "valves (final).md")
    view = await department.services.documents.get(department.principal, first.document_id)
    assert (view.filename, view.version_number) == ("valves.md", 2)
    assert "8 bar" in await answer(department)
    with pytest.raises(NotFoundError):
        await hand_in(department, "valves.md", NEW + b"x", uuid4())


async def test_content_of_an_earlier_version_answers_again_and_is_not_stored_twice(
    department: Department, worker: Worker
) -> None:
    first = await department.read(worker, "valves.md", OLD)
    await department.read(worker, "valves.md", NEW)
    again = await department.upload("valves.md", OLD)
    assert (again.version_id, again.unchanged) == (first.version_id, False)
    assert "Version 1 has this content already" in again.note
    assert (await department.upload("valves.md", OLD)).unchanged
    assert (await finish(department, worker, again)).version_number == 1
    assert "6 bar" in await answer(department)
    assert (await department.upload("valves.md", OLD)).unchanged
    assert len(await department.services.versions.list_all(department.principal, first.document_id)) == 2


async def test_the_same_content_elsewhere_is_pointed_out_to_who_may_see_it(
    department: Department, worker: Worker
) -> None:
    services, me, closed = department.services, department.principal, uuid4()
    async with services.database.transaction(me.organization_id) as session:
        session.add(Collection(id=closed, organization_id=me.organization_id, name="Board", is_open=False))
    secret = await department.upload("secret.md", LONG, collection_id=closed)
    await finish(department, worker, secret)
    receipt = await department.upload("copy.md", LONG)
    assert [(one.filename, one.identical, one.similarity) for one in receipt.similar] == [("secret.md", True, 1.0)]
    await finish(department, worker, receipt)
    editor = replace(me, role=Role.EDITOR)
    assert (await services.tasks.receipt(editor, receipt.task_id)).similar == ()
    assert (await services.documents.get(editor, receipt.document_id)).similar == ()
    third = await replace(department, principal=editor).upload("third.md", LONG)
    assert [one.filename for one in third.similar] == ["copy.md"]


async def test_near_duplicates_are_pointed_out_and_others_are_not(department: Department, worker: Worker) -> None:
    await department.read(worker, "long.md", LONG)
    other = " ".join(f"Nothing {number} of this {number * 7} was {number * 3} written." for number in range(60))
    receipt = await department.read(worker, "other.md", other.encode())
    assert receipt.similar == ()
    receipt = await department.read(worker, "again.md", LONG.replace(b"step 40 ", b"stage 40 "))
    (near,) = receipt.similar
    assert (near.filename, near.identical) == ("long.md", False)
    assert near.similarity >= near_duplicates.LEAST
    view = await department.services.documents.get(department.principal, receipt.document_id)
    assert view.similar == (near,)


async def test_near_duplicates_are_looked_up_in_an_index(
    department: Department, worker: Worker, postgres_server: PostgresServer, migrated_database: str
) -> None:
    await department.read(worker, "long.md", LONG)
    async with department.services.database.transaction(department.principal.organization_id) as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await session.scalars(
            text("EXPLAIN SELECT version_id FROM version_bands WHERE band = ANY(ARRAY[1, 2, 3]::bigint[])")
        )
        # As the role that policies bind: an operator that could leak would not be let into the index.
        assert "ix_version_bands_organization_id_band" in "\n".join(plan)


# -- what changed


async def test_a_diff_names_pages_and_lines(department: Department, worker: Worker) -> None:
    await department.read(worker, "manual.pdf", pdf_pages([["Title."], ["The pump costs 48 EUR.", "It is red."]]))
    receipt = await department.read(
        worker,
        "manual.pdf",
        pdf_pages([["Title."], ["A new page."], ["The pump costs 52 EUR.", "It is red."]]),
    )
    versions, me = department.services.versions, department.principal
    found = await versions.diff(me, receipt.document_id, 1, 2)
    assert (found.pages_unchanged, found.truncated) == (1, False)
    assert "-The pump costs 48 EUR." in found.unified
    assert "+The pump costs 52 EUR." in found.unified
    removed = [line for change in found.changes for line in change.removed]
    added = [line for change in found.changes for line in change.added]
    assert removed == ["The pump costs 48 EUR."]
    assert sorted(added) == ["A new page.", "The pump costs 52 EUR."]
    with pytest.raises(NotFoundError):
        await versions.diff(me, receipt.document_id, 1, 9)
    failed = await department.read(worker, "manual.pdf", b"%PDF-1.4 broken")
    with pytest.raises(ConflictError, match="was not read"):
        await versions.diff(me, failed.document_id, 2, 3)


# -- through the door


async def test_versions_through_the_api(
    api: httpx.AsyncClient,  # noqa: F811 - the fixture
    department: Department,
    worker: Worker,
) -> None:
    headers = await sign_in(api, department)
    first = await department.read(worker, "valves.md", OLD)
    moment = now().isoformat()
    path = f"/api/v1/documents/{first.document_id}"
    upload = await api.post(
        "/api/v1/documents",
        params={"document_id": str(first.document_id)},
        files={"file": ("other name.md", NEW)},
        headers=headers,
    )
    assert (upload.status_code, upload.json()["version_number"]) == (202, 2)
    await finish(department, worker, Receipt.model_validate(upload.json()))
    listed = (await api.get(f"{path}/versions", headers=headers)).json()
    assert [(one["number"], one["answers"], one["at_once"]) for one in listed] == [(2, True, True), (1, False, True)]
    found = (await api.get(f"{path}/versions/1/diff/2", headers=headers)).json()
    assert "+The relief valve of the boiler opens at 8 bar." in found["unified"].splitlines()
    body = {"question": QUESTION, "as_of": moment}
    past = (await api.post("/api/v1/chat", json=body, headers=headers)).json()
    assert "6 bar" in past["content"]
    assert (datetime.fromisoformat(past["as_of"]), past["citations"][0]["superseded"]) == (
        datetime.fromisoformat(moment),
        True,
    )
    hits = (await api.get("/api/v1/search", params={"q": QUESTION, "as_of": moment}, headers=headers)).json()
    assert {hit["version_number"] for hit in hits} == {1}
    for wrong in ("2999-01-01T00:00:00Z", "2020-01-01T00:00:00", "yesterday"):
        for answer_ in (
            await api.get("/api/v1/search", params={"q": QUESTION, "as_of": wrong}, headers=headers),
            await api.post("/api/v1/chat", json={"question": QUESTION, "as_of": wrong}, headers=headers),
        ):
            assert answer_.status_code == 422, wrong
    done = (await api.post(f"{path}/versions/1/restore", headers=headers)).json()
    assert (done["version"]["answers"], done["receipt"]) == (True, None)
    again = await api.post(f"{path}/versions/1/restore", headers=headers)
    assert (again.status_code, again.json()["next_step"]) == (409, "Choose another one.")
    document = (await api.get(path, headers=headers)).json()
    assert (document["version_number"], document["similar"]) == (1, [])
