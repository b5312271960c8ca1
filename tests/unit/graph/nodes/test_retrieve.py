"""Is exactly that searched which the principal chose and may read?"""

from __future__ import annotations

from uuid import uuid4

from core.events import NoticeEvent
from graph.context import AnswerSettings
from tests.unit.graph.conftest import HANDBOOK, PRINCIPAL, Desk

QUESTION = "How many days of vacation does every employee have per year?"


async def test_the_choice_of_collections_and_documents_reaches_the_search(desk: Desk) -> None:
    collections, documents = frozenset({uuid4()}), frozenset({uuid4(), uuid4()})
    answered = await desk.ask(
        QUESTION, collection_ids=collections, document_ids=documents, settings=AnswerSettings(top_k=7)
    )
    assert answered.retriever.scopes == [(PRINCIPAL.organization_id, 7, collections, documents)]


async def test_only_so_many_passages_are_weighed_and_shown(desk: Desk) -> None:
    answered = await desk.ask(QUESTION, settings=AnswerSettings(top_k=2, rerank_top_k=1))
    assert len(answered.state["candidates"]) == 2
    assert [candidate.chunk for candidate in answered.state["evidence"]] == [HANDBOOK[0]]


async def test_a_search_without_vectors_is_said_to_miss_things(desk: Desk) -> None:
    answered = await desk.ask(QUESTION, down=("vector_db",))
    assert answered.state["degraded"] == ["vector_db"]
    assert "something may be missing" in next(n.text for n in answered.of(NoticeEvent) if n.component == "vector_db")
