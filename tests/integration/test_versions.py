"""Does a document keep its past: what it said when, what changed, and the way back?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import func, select, text, update

from core.errors import AuthorizationError, ConflictError, NotFoundError, ValidationError
from core.events import CitationEvent, NoticeEvent, NoticeKind, RefusalEvent, TokenEvent
from core.identity import Role
from core.types import ParsedDocument, ParsedPage
from db.models import (
    AuditLog,
    Collection,
    Document,
    DocumentVersion,
    IndexedVersion,
    Task,
    TermStatistic,
    VersionPeriod,
)
from services import near_duplicates
from services.bootstrap import Services
from services.ingestion import IngestionService
from services.views import Receipt, TaskStatus
from services.worker import Worker
from tests.fixtures.application import CLIENT, Department
from tests.fixtures.postgres import PostgresServer
from tests.integration.test_pipeline import as_it_stands, pipeline

OLD = b"# Valves\n\nThe relief valve of the boiler opens at 6 bar.\n\n# Gauges\n\nThe gauge beside the relief valve reads 6 bar.\n"
NEW = OLD.replace(b"6 bar", b"8 bar")
QUESTION = "At how many bar does the relief valve of the boiler open?"
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

    async def blocks():  # type: ignore[no-untyped-def]
        yield content

    return await department.services.ingestion.upload(
        department.principal, filename=name, chunks=blocks(), document_id=document_id, client=CLIENT
    )


async def finish(department: Department, worker: Worker, receipt: Receipt) -> Receipt:
    await worker.accept(department.principal.organization_id, receipt.task_id)
    await worker.drain()
    return await department.services.ingestion.receipt(department.principal, receipt.task_id)


# -- switching while people ask


async def test_a_hundred_questions_amid_a_switch_get_the_old_answer_or_the_new_one_whole(
    department: Department, worker: Worker
) -> None:
    await department.read(worker, "valves.md", OLD)
    before = now()
    asked = await department.upload("valves.md", NEW)
    gate = asyncio.Semaphore(25)

    async def ask(_: int) -> str:
        async with gate:
            return await answer(department)

    questions = [asyncio.create_task(ask(number)) for number in range(100)]
    await asyncio.wait(questions[:10], return_when=asyncio.FIRST_COMPLETED)
    await worker.accept(department.principal.organization_id, asked.task_id)
    answers = await asyncio.gather(*questions)
    await worker.drain()
    assert all(("6 bar" in text) != ("8 bar" in text) for text in answers), set(answers)
    assert "6 bar" in answers[0]
    assert "8 bar" in await answer(department)
    assert "6 bar" in await answer(department, before)
    assert await restore(department, asked, 1) < WITHIN_S
    assert "6 bar" in await answer(department)


async def test_versions_that_go_back_and_forth_are_never_mixed(department: Department, worker: Worker) -> None:
    await department.read(worker, "valves.md", OLD)
    receipt = await department.read(worker, "valves.md", NEW)

    async def back_and_forth() -> None:
        for number in (1, 2) * 5:
            await restore(department, receipt, number)

    switching = asyncio.create_task(back_and_forth())
    answers = set()
    while not switching.done():
        answers |= set(await asyncio.gather(*(answer(department) for _ in range(5))))
    await switching
    assert len(answers) == 2, answers
    assert all(("6 bar" in text) != ("8 bar" in text) for text in answers)
