"""Are questions about the past answered from what stood there?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from core.errors import ValidationError
from core.events import CitationEvent, NoticeEvent, NoticeKind
from core.types import VectorFilter
from db.models import Collection
from services.search.full_text import search_full_text
from services.worker.container import Worker
from tests.fixtures.application import Department
from tests.support.versions import NEW, OLD, QUESTION, answer, now


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
