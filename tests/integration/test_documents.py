"""Are documents listed, opened, named and refused as their readers are told?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import event, update
from sqlalchemy.engine import Engine

from core.errors import AuthorizationError, NotFoundError, ValidationError
from core.identity import Principal, Role
from core.states import DocumentStatus, TaskStatus
from db.models import Collection
from services.answers.starters import Starter, StarterService, sample_starters
from services.evaluation import load_texts, read_questions, read_retrieval_set, scratch_organization
from services.uploads.admission import clean_filename
from services.uploads.uploads import DEFAULT_COLLECTION
from services.views.search import SearchHit
from services.worker.container import Worker
from tests.fixtures.application import CLIENT, Department
from tests.fixtures.documents import HEIGHT, WIDTH, pdf_pages
from tests.fixtures.pictures import drawn, needs_tesseract, picture, scanned_pdf

SCANNED = ["The pump costs 48 EUR.", "The valve opens at 6 bar."]
PAGES = [["The pump costs 48 EUR."], ["The valve opens at 6 bar."]]
QUESTION = "At how many bar does the valve open?"


def scan() -> bytes:
    return picture(drawn(SCANNED))


async def found(department: Department, name: str = "manual.pdf") -> SearchHit:
    hits = await department.services.search.search(department.principal, QUESTION)
    return next(hit for hit in hits if hit.filename == name)


# -- lists


async def test_documents_are_listed_newest_first_page_by_page_and_by_name_and_state(
    department: Department, worker: Worker
) -> None:
    documents, me = department.services.documents, department.principal
    for name in ("a.txt", "b.txt"):
        await department.read(worker, name, f"The words of {name}.".encode())
    await department.upload("c.txt", b"Nobody has read this yet.")
    first = await documents.list_page(me, limit=2)
    assert ([item.filename for item in first.items], first.total) == (["c.txt", "b.txt"], 3)
    rest = await documents.list_page(me, limit=2, cursor=first.next_cursor)
    assert ([item.filename for item in rest.items], rest.next_cursor) == (["a.txt"], None)
    waiting = await documents.list_page(me, status=DocumentStatus.PENDING)
    assert [item.filename for item in waiting.items] == ["c.txt"]
    assert [item.filename for item in (await documents.list_page(me, query="b.t\x00")).items] == ["b.txt"]
    (collection,) = await documents.list_collections(me)
    assert (collection.name, collection.document_count) == (DEFAULT_COLLECTION, 3)


async def test_a_viewer_reads_and_changes_nothing(department: Department, worker: Worker) -> None:
    receipt = await department.read(worker, "manual.pdf", pdf_pages(PAGES))
    viewer = replace(department.principal, user_id=uuid4(), role=Role.VIEWER)
    services = department.services
    (shared,) = await services.documents.list_collections(viewer)
    assert (await services.documents.get(viewer, receipt.document_id)).filename == "manual.pdf"
    with pytest.raises(AuthorizationError):
        await services.documents.delete(viewer, receipt.document_id, client=CLIENT)
    with pytest.raises(AuthorizationError):
        await services.ingestion.reindex(viewer, receipt.document_id, client=CLIENT)
    with pytest.raises(AuthorizationError):
        await replace(department, principal=viewer).upload("manual.pdf", b"words", collection_id=shared.id)


# -- what a citation opens


async def test_another_page_is_drawn_without_marks_and_one_that_is_not_there_is_refused(
    department: Department, worker: Worker
) -> None:
    await department.read(worker, "manual.pdf", pdf_pages(PAGES))
    documents, me, hit = department.services.documents, department.principal, await found(department)
    assert hit.page == 2
    cited = await documents.page_picture(me, hit.chunk_id)
    other = await documents.page_picture(me, hit.chunk_id, page=1, scale=0.5)
    assert (len(cited.boxes), cited.pages, other.boxes) == (1, 2, ())
    assert other.png != cited.png
    for wrong in ({"page": 0}, {"page": 3}, {"scale": 0.1}, {"scale": 9.0}, {"char_start": 5, "char_end": 5}):
        with pytest.raises(ValidationError):
            await documents.page_picture(me, hit.chunk_id, **wrong)
    with pytest.raises(ValidationError, match="do not lie on the page"):
        await documents.passage(me, hit.chunk_id, char_start=0, char_end=10_000)
    with pytest.raises(NotFoundError):
        await documents.passage(me, uuid4())


@needs_tesseract
@pytest.mark.parametrize(
    ("name", "make"), [("scan.pdf", lambda: scanned_pdf(["A title page.", SCANNED])), ("scan.png", scan)]
)
async def test_a_citation_of_a_scan_is_marked_where_its_words_were_seen(
    department: Department, worker: Worker, name: str, make: Callable[[], bytes]
) -> None:
    receipt = await department.read(worker, name, make())
    assert (receipt.status, receipt.warnings) == (TaskStatus.COMPLETED, ())
    documents, me, hit = department.services.documents, department.principal, await found(department, name)
    passage = await documents.passage(me, hit.chunk_id)
    start = passage.text.index("valve")
    shown = await documents.page_picture(me, hit.chunk_id, char_start=start, char_end=start + len("valve opens"))
    (box,) = shown.boxes
    # The second line stands on 96 points under the top, its second word begins after that of 72.
    assert box.top * HEIGHT < 92 < 96 <= box.bottom * HEIGHT + 1 < 102
    assert 80 < box.left * WIDTH < box.right * WIDTH < 250
    plain = await documents.page_picture(me, hit.chunk_id, char_start=0, char_end=1)
    assert plain.png != shown.png


async def test_text_has_passages_and_no_page_pictures(department: Department, worker: Worker) -> None:
    await department.read(worker, "manual.md", b"# Valves\n\nThe valve opens at 6 bar.\n")
    documents, me, hit = department.services.documents, department.principal, await found(department, "manual.md")
    with pytest.raises(ValidationError, match="Only pages of PDF files and pictures can be drawn"):
        await documents.page_picture(me, hit.chunk_id)
    passage = await documents.passage(me, hit.chunk_id)
    assert "6 bar" in passage.text[passage.char_start : passage.char_end]


async def test_a_citation_of_an_old_version_still_opens_and_says_that_it_is_old(
    department: Department, worker: Worker
) -> None:
    await department.read(worker, "manual.pdf", pdf_pages(PAGES))
    old = await found(department)
    await department.read(worker, "manual.pdf", pdf_pages([["The valve opens at 8 bar."]]))
    passage = await department.services.documents.passage(department.principal, old.chunk_id)
    assert (passage.superseded, passage.version_number, passage.text) == (True, 1, PAGES[1][0])
    new = await found(department)
    assert not (await department.services.documents.passage(department.principal, new.chunk_id)).superseded


# -- handing in


async def test_a_file_for_a_collection_that_is_not_there_is_refused_and_not_kept(department: Department) -> None:
    services = department.services
    with pytest.raises(NotFoundError):
        await department.upload("manual.pdf", pdf_pages(PAGES), collection_id=uuid4())
    root = services.blobs._root
    assert [path for path in root.rglob("*") if path.is_file()] == []


async def test_a_refused_copy_of_a_stored_file_does_not_take_the_stored_one_away(
    department: Department, worker: Worker
) -> None:
    receipt = await department.read(worker, "manual.pdf", pdf_pages(PAGES))
    with pytest.raises(NotFoundError):
        await department.upload("manual.pdf", pdf_pages(PAGES), collection_id=uuid4())
    services = department.services
    path, mime_type, name = await services.documents.file(department.principal, receipt.document_id, receipt.version_id)
    assert (path.read_bytes(), mime_type, name) == (pdf_pages(PAGES), "application/pdf", "manual.pdf")


async def test_a_named_collection_is_used_and_the_usual_one_made_when_it_is_gone(department: Department) -> None:
    services, organization_id, named = department.services, department.principal.organization_id, uuid4()
    async with services.database.transaction(organization_id) as session:
        await session.execute(update(Collection).values(name="Renamed"))
        session.add(Collection(id=named, organization_id=organization_id, name="Contracts"))
    one = await department.upload("a.txt", b"The words of a.", collection_id=named)
    other = await department.upload("b.txt", b"The words of b.")
    names = {
        receipt.filename: (await services.documents.get(department.principal, receipt.document_id)).collection_name
        for receipt in (one, other)
    }
    assert names == {"a.txt": "Contracts", "b.txt": DEFAULT_COLLECTION}


@pytest.mark.parametrize("name", ["", " ", "\x00\x07", "..", ".", "x" * 256])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="file"):
        clean_filename(name)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("C:\\Users\\me\\plan.pdf", "plan.pdf"),
        ("../../etc/passwd", "passwd"),
        ("Ma\u0308rz\u202e.txt", "März.txt"),
        ("x" * 255, "x" * 255),
    ],
)
def test_of_a_path_the_name_is_kept_without_what_nobody_can_see(given: str, kept: str) -> None:
    assert clean_filename(given) == kept


# -- starters


async def test_a_question_is_offered_only_where_its_document_can_be_read(
    department: Department, worker: Worker, tmp_path: Path
) -> None:
    starters = [Starter(question=f"Question {n}?", file="manual.pdf" if n % 2 else "other.pdf") for n in range(12)]
    service = StarterService(department.services.database, starters)
    assert await service.offered(department.principal) == ()
    await department.read(worker, "manual.pdf", pdf_pages(PAGES))
    assert await service.offered(department.principal) == tuple(f"Question {n}?" for n in (1, 3, 5, 7))
    assert await StarterService(department.services.database, ()).offered(department.principal) == ()
    assert sample_starters(tmp_path / "absent.jsonl") == ()


# -- evaluation


async def test_a_scratch_organisation_is_emptied_unless_it_is_kept(department: Department) -> None:
    services = department.services
    for keep, left in ((False, 0), (True, 1)):
        async with scratch_organization(services, keep=keep) as principal:
            await replace(department, principal=principal).upload("a.txt", b"The words of a.")
        assert (await services.documents.list_page(principal)).total == left


async def test_a_text_of_an_evaluation_that_is_not_read_stops_it(department: Department, worker: Worker) -> None:
    services = department.services

    async def read_all(principal: Principal) -> None:
        while True:
            for receipt in await services.tasks.list_tasks(principal):
                await worker.dispatcher.begin(principal.organization_id, receipt.task_id)
            await asyncio.sleep(0.05)

    async with scratch_organization(services, keep=False) as principal:
        reading = asyncio.create_task(read_all(principal))
        assert await load_texts(services, principal, {"a.txt": b"The words of a."}) > 0
        with pytest.raises(ValidationError, match=r"b\.pdf was not read: The file is damaged"):
            await load_texts(services, principal, {"b.pdf": b"%PDF-1.4 broken"})
        reading.cancel()


async def test_waiting_for_many_texts_asks_no_more_than_waiting_for_one(department: Department) -> None:
    services = department.services
    asked: list[int] = []
    statements = 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    def looked(done: int, total: int) -> None:
        nonlocal statements
        assert (done, total) == (0, 12)
        asked.append(statements)
        statements = 0
        if len(asked) == 3:
            raise LookupError("seen enough")

    event.listen(Engine, "before_cursor_execute", count)
    try:
        async with scratch_organization(services, keep=False) as principal:
            texts = {f"{number}.txt": b"Text %d." % number for number in range(12)}
            with pytest.raises(LookupError):
                await load_texts(services, principal, texts, progress=looked)
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    # Without the first, which counts the uploads: whom the transaction is for, and two statements.
    assert max(asked[1:]) <= 4, asked


@pytest.mark.parametrize("missing", ["corpus.jsonl", "queries.jsonl", "qrels.tsv"])
def test_a_folder_that_is_no_retrieval_set_is_said_to_be_none(tmp_path: Path, missing: str) -> None:
    files = {
        "corpus.jsonl": '{"_id": "a", "title": "T", "text": "words"}\n',
        "queries.jsonl": '{"_id": "1", "text": "which?"}\n{"_id": "2", "text": "nobody knows"}\n',
        "qrels.tsv": "query-id\tcorpus-id\tscore\n1\ta\t1\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    whole = read_retrieval_set(tmp_path)
    assert (whole.corpus, whole.queries, whole.qrels) == ({"a": "T\n\nwords"}, {"1": "which?"}, {"1": {"a": 1}})
    (tmp_path / missing).write_text("nonsense\nmore\n")
    with pytest.raises(ValidationError, match="is not a retrieval set"):
        read_retrieval_set(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(ValidationError, match=r"It needs corpus\.jsonl, queries\.jsonl"):
        read_retrieval_set(tmp_path)


@pytest.mark.parametrize("content", [None, "nonsense", '{"answer": "without a question"}'])
def test_a_file_that_holds_no_questions_is_said_to_hold_none(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "questions.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValidationError, match="holds no questions"):
        read_questions(path)
