"""How do tests make versions of a document, ask about them and put them back?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select

from core.events import RefusalEvent, TokenEvent
from db.models import TermStatistic
from services.views.uploads import Receipt
from services.worker.container import Worker
from tests.fixtures.application import CLIENT, Department

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


async def restore(department: Department, receipt: Receipt, number: int) -> None:
    """Put a version in force again, at once: nothing is read for it."""
    done = await department.services.versions.restore(department.principal, receipt.document_id, number, client=CLIENT)
    assert done.receipt is None
    assert done.version.answers


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
