"""Do people who ask amid a switch get one version, whole?"""

from __future__ import annotations

import asyncio
import itertools

from core.types import HybridHit
from services.search.retriever import HybridRetriever, _Search
from services.search_index.indexes import Index
from services.worker.container import Worker
from tests.fixtures.application import Department
from tests.fixtures.documents import pdf_pages
from tests.support.versions import NEW, NEW_PAGES, OLD, OLD_PAGES, QUESTION, answer, now, restore


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
    await restore(department, asked, 1)
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
