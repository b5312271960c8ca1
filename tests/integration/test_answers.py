"""Does a file that was handed in answer questions, with citations that point at the right characters?"""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import func, select, text

from core.errors import DocumentError, NotFoundError, QuotaError, ValidationError
from core.events import CitationEvent, DoneEvent, NoticeKind, Outcome, RefusalEvent, RefusalReason
from core.states import DocumentStatus, IngestionStage, TaskStatus
from db.models import Document, DocumentChunk, Task
from services.bootstrap import Services
from services.worker.container import Worker
from tests.fixtures.application import CLIENT, Department, make_department

HANDBOOK = b"""# Handbook

## Leave

Every employee has 30 days of annual leave. Leave is requested in the portal.

## Pumps

The pump P-400 needs service every 2,000 operating hours. Its filter costs 48 EUR.
"""


async def test_a_question_is_answered_with_the_exact_passage(department: Department, worker: Worker) -> None:
    receipt = await department.read(worker, "handbook.md", HANDBOOK)
    assert (receipt.status, receipt.stage, receipt.progress) == (TaskStatus.COMPLETED, IngestionStage.READY, 100)
    services = department.services
    run = await services.answering.ask(department.principal, "How often does the pump P-400 need service?")
    events = [event async for event in run.events()]
    assert isinstance(events[-1], DoneEvent)
    assert events[-1].outcome is Outcome.ANSWERED
    citation = next(event.citation for event in events if isinstance(event, CitationEvent))
    assert "2,000 operating hours" in citation.quote
    passage = await services.documents.passage(
        department.principal, citation.chunk_id, char_start=citation.char_start, char_end=citation.char_end
    )
    assert passage.text[passage.char_start : passage.char_end] == citation.quote
    assert any(getattr(event, "kind", None) is NoticeKind.NO_MODEL for event in events)
    question, answer = await services.chats.messages(department.principal, run.chat_id)
    assert question.role == "user"
    assert answer.citations[0] == citation
    assert "[1]" in answer.content


async def test_what_the_documents_do_not_say_is_refused(department: Department, worker: Worker) -> None:
    await department.read(worker, "handbook.md", HANDBOOK)
    run = await department.services.answering.ask(department.principal, "Who won the football world cup in 1974?")
    events = [event async for event in run.events()]
    refusal = next(event for event in events if isinstance(event, RefusalEvent))
    assert refusal.reason is RefusalReason.NOT_IN_DOCUMENTS
    assert "handbook.md" in refusal.searched


async def test_where_nothing_says_it_the_closest_passages_are_kept_as_such(
    department: Department, worker: Worker
) -> None:
    await department.read(worker, "handbook.md", HANDBOOK)
    services = department.services
    run = await services.answering.ask(department.principal, "Who signs requests for annual leave?")
    done = await run.wait()
    assert done.outcome is Outcome.CLOSEST
    _, kept = await services.chats.messages(department.principal, run.chat_id)
    assert kept.outcome == Outcome.CLOSEST
    assert kept.content.startswith("Nothing here says this outright.")
    assert kept.citations[0].filename == "handbook.md"
    assert kept.citations[0].quote.split()[0] in kept.content
    assert kept.sentences == ()


async def test_only_the_files_of_a_question_answer_it_and_only_they_are_said_to_be_searched(
    department: Department, worker: Worker
) -> None:
    await department.read(worker, "handbook.md", HANDBOOK)
    files = [
        (await department.read(worker, name, content)).document_id
        for name, content in (
            ("cup.md", b"# Cups\n\nThe blue cup is Otto's.\n"),
            ("mug.md", b"# Mugs\n\nMugs are red.\n"),
        )
    ]

    async def refused(document_ids: frozenset[UUID]) -> str:
        run = await department.services.answering.ask(
            department.principal, "How often does the pump P-400 need service?", document_ids=document_ids
        )
        (refusal,) = [event async for event in run.events() if isinstance(event, RefusalEvent)]
        return refusal.text

    assert "Searched the 2 files that came with the question." in await refused(frozenset(files))
    one = await refused(frozenset(files[:1]))
    assert "Searched the file that came with the question." in one
    assert "handbook.md" not in one
    none = await refused(frozenset())
    assert "None of the files that came with the question could be read" in none


async def test_without_documents_the_refusal_says_so(department: Department) -> None:
    run = await department.services.answering.ask(department.principal, "How many days of leave?")
    events = [event async for event in run.events()]
    assert next(e for e in events if isinstance(e, RefusalEvent)).reason is RefusalReason.NO_DOCUMENTS


async def test_nothing_of_one_organisation_reaches_another(
    services: Services, department: Department, worker: Worker
) -> None:
    receipt = await department.read(worker, "handbook.md", HANDBOOK)
    other = await make_department(services, "beta")
    run = await services.answering.ask(other.principal, "How often does the pump P-400 need service?")
    events = [event async for event in run.events()]
    assert next(e for e in events if isinstance(e, RefusalEvent)).reason is RefusalReason.NO_DOCUMENTS
    assert await services.search.search(other.principal, "pump P-400 service") == ()
    for attempt in (
        services.documents.get(other.principal, receipt.document_id),
        services.documents.file(other.principal, receipt.document_id, receipt.version_id),
        services.tasks.receipt(other.principal, receipt.task_id),
        services.documents.delete(other.principal, receipt.document_id, client=CLIENT),
    ):
        with pytest.raises(NotFoundError):
            await attempt
    hits = await services.search.search(department.principal, "pump P-400 service")
    with pytest.raises(NotFoundError):
        await services.documents.passage(other.principal, hits[0].chunk_id)
    assert (await services.documents.list_page(other.principal)).total == 0


async def test_the_same_content_again_is_reported_and_not_read_twice(department: Department, worker: Worker) -> None:
    first = await department.read(worker, "handbook.md", HANDBOOK)
    second = await department.upload("handbook.md", HANDBOOK)
    assert second.unchanged
    assert second.task_id == first.task_id


async def test_a_changed_file_becomes_version_two_and_replaces_the_answer(
    department: Department, worker: Worker
) -> None:
    await department.read(worker, "handbook.md", HANDBOOK)
    receipt = await department.read(worker, "handbook.md", HANDBOOK.replace(b"2,000", b"3,500"))
    assert receipt.version_number == 2
    hits = await department.services.search.search(department.principal, "How often does P-400 need service?")
    assert "3,500" in hits[0].text
    assert not any("2,000" in hit.text for hit in hits)


async def test_a_failed_second_version_leaves_the_first_answering(department: Department, worker: Worker) -> None:
    await department.read(worker, "report.pdf", _pdf("The budget is 12,000 EUR."))
    receipt = await department.read(worker, "report.pdf", b"%PDF-1.4 broken")
    assert (receipt.status, receipt.failure_code) == (TaskStatus.FAILED, "corrupt")
    assert receipt.next_step
    view = await department.services.documents.get(department.principal, receipt.document_id)
    assert view.status is DocumentStatus.READY
    assert view.warning is not None
    assert "12,000" in (await department.services.search.search(department.principal, "budget"))[0].text


async def test_a_pdf_citation_is_drawn_where_its_words_stand(department: Department, worker: Worker) -> None:
    await department.read(worker, "report.pdf", _pdf("The travel budget of the year is 12,000 EUR."))
    services = department.services
    hit = (await services.search.search(department.principal, "travel budget"))[0]
    start = hit.text.index("12,000")
    passage = await services.documents.passage(department.principal, hit.chunk_id)
    at = passage.text.index("12,000", passage.char_start + start - 1)
    picture = await services.documents.page_picture(
        department.principal, hit.chunk_id, char_start=at, char_end=at + len("12,000")
    )
    assert picture.png.startswith(b"\x89PNG")
    (box,) = picture.boxes
    # The line is drawn at x 72, y 700 of a 595 x 842 page; the number stands in its last third.
    assert 0.3 < box.left < box.right < 0.6
    assert 0.14 < box.top < 0.17 < box.bottom < 0.19


async def test_deleting_leaves_nothing_to_find(department: Department, worker: Worker) -> None:
    receipt = await department.read(worker, "handbook.md", HANDBOOK)
    services = department.services
    path, _, _ = await services.documents.file(department.principal, receipt.document_id, receipt.version_id)
    await services.documents.delete(department.principal, receipt.document_id, client=CLIENT)
    assert await services.search.search(department.principal, "pump P-400 service") == ()
    assert not path.exists()
    async with services.database.transaction(department.principal.organization_id) as session:
        assert await session.scalar(select(func.count(DocumentChunk.id))) == 0
        counts = await session.execute(text("SELECT count(*) FROM term_statistics WHERE document_count <> 0"))
        assert counts.scalar_one() == 0
        assert await session.scalar(select(func.count(Document.id)).where(~Document.is_deleted)) == 0


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.txt", b"", "empty"),
        ("program.txt", b"MZ" + bytes(200), "unsupported_type"),
        ("report.pdf", b"just some words that are no pdf file", "content_type_mismatch"),
        ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "corrupt"),
    ],
)
async def test_files_nobody_can_read_are_refused_at_once(
    department: Department, name: str, content: bytes, code: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        await department.upload(name, content)
    assert caught.value.failure_code == code
    assert caught.value.next_step
    assert (await department.services.documents.list_page(department.principal)).total == 0


async def test_a_full_organisation_says_which_limit_and_who_can_raise_it(services: Services) -> None:
    small = await make_department(services, "small", max_documents=1)
    await small.upload("one.txt", b"The first document.")
    with pytest.raises(QuotaError, match=r"1 documents.*Whoever runs this installation") as caught:
        await small.upload("two.txt", b"The second document.")
    assert "foundry organization limits" in str(caught.value)


@pytest.mark.parametrize("question", ["", " \n", "x" * 10_001, "\x00"])
async def test_questions_that_are_none_are_refused_with_a_reason(department: Department, question: str) -> None:
    with pytest.raises(ValidationError):
        await department.services.answering.ask(department.principal, question)


async def test_a_task_taken_up_again_leaves_one_copy_of_each_chunk(department: Department, worker: Worker) -> None:
    receipt = await department.read(worker, "handbook.md", HANDBOOK)
    services = department.services
    again = await services.ingestion.reindex(department.principal, receipt.document_id, client=CLIENT)
    for _ in range(3):
        await worker.dispatcher.begin(department.principal.organization_id, again.task_id)
    await worker.dispatcher.drain()
    async with services.database.transaction(department.principal.organization_id) as session:
        rows = (await session.execute(select(DocumentChunk.version_id, DocumentChunk.chunk_index))).all()
        states = (await session.scalars(select(Task.status))).all()
        chunks = await session.scalar(text("SELECT document_count FROM term_statistics WHERE term_id = -1"))
    assert len(rows) == len(set(rows)) == chunks
    assert set(states) == {"completed"}


def _pdf(line: str) -> bytes:
    """One page of A4 with one line of Helvetica 12 at (72, 700)."""
    import io

    from reportlab.pdfgen.canvas import Canvas

    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(595, 842))
    canvas.setFont("Helvetica", 12)
    canvas.drawString(72, 700, line)
    canvas.save()
    return buffer.getvalue()


async def test_a_question_about_who_was_just_named_is_answered_for_that_person(
    department: Department, worker: Worker
) -> None:
    text = (
        b"# Yard\n\nThe person responsible for refuelling is Marta Xaver. Her extension is 4711.\n\n"
        b"The gate is closed at 18:00. Forklifts are parked inside the hall.\n"
    )
    await department.read(worker, "yard.md", text)
    await department.read(worker, "handbook.md", HANDBOOK)
    services = department.services
    first = await services.answering.ask(department.principal, "Who is responsible for refuelling?")
    assert (await first.wait()).outcome is Outcome.ANSWERED
    assert "Marta Xaver" in first.said.text
    then = await services.answering.ask(department.principal, "What is her extension?", chat_id=first.chat_id)
    assert (await then.wait()).outcome is Outcome.ANSWERED
    assert "4711" in then.said.text


async def test_what_holds_for_all_is_quoted_before_what_holds_for_some(department: Department, worker: Worker) -> None:
    text = (
        b"# Accounts and passwords\n\nPasswords have at least **14 characters**. They do not expire. Service accounts "
        b"use random passwords of at least 32 characters and are rotated every 180 days.\n"
    )
    await department.read(worker, "security.md", text)
    await department.read(worker, "handbook.md", HANDBOOK)
    run = await department.services.answering.ask(department.principal, "How long must a password be?")
    assert (await run.wait()).outcome is Outcome.ANSWERED
    assert run.said.text.startswith("Passwords have at least 14 characters")
