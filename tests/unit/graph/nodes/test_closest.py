"""Are the passages that come closest shown as such, quoted and cited, and never instead of another refusal?"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from langgraph.runtime import Runtime

from core.errors import ProviderUnavailableError
from core.events import AnswerEvent, Citation, CitationEvent, ClosestEvent, RefusalReason
from core.types import Candidate, EmbeddingKind, Vector
from graph.nearness import MAX_QUOTE_WORDS, SHOWN, nearest, shortened
from graph.nodes.closest import INTRODUCTION, ONE, closest
from graph.state import AnswerState
from plugins.interfaces import EmbeddingProvider
from tests.support.word_embedding import WordEmbedding
from tests.unit.graph.conftest import HANDBOOK, Desk, alone, chunk, evidence

QUESTION = "Are unused days paid out?"


async def shown(desk: Desk, state: AnswerState) -> tuple[AnswerState, list[AnswerEvent]]:
    context, events = alone(desk)
    return await closest(
        {"refusal": RefusalReason.NOT_IN_DOCUMENTS, "query": QUESTION, **state}, Runtime(context=context)
    ), events


async def test_the_sentence_that_comes_closest_is_quoted_with_its_page(desk: Desk) -> None:
    changed, events = await shown(desk, {"evidence": [Candidate(HANDBOOK[0], 0.5, dense_score=0.6)]})
    assert [event.type for event in events] == ["closest", "citation", "token"]
    quote = "Unused days expire on 31 March of the following year."
    assert changed == {"answer": f"{ONE}\n\n> {quote} [1]", "cited": 1, "calls": []}
    (citation,) = citations(events)
    assert citation.quote == quote
    assert HANDBOOK[0].content[citation.char_start - 120 : citation.char_end - 120] == quote


async def test_at_most_three_are_shown_under_words_that_call_them_near(desk: Desk) -> None:
    found = evidence(*(f"Vacation rule {number}: unused days are lost." for number in range(6)))
    _, events = await shown(desk, {"evidence": found})
    assert isinstance(events[0], ClosestEvent)
    assert events[0].text == INTRODUCTION
    assert [citation.number for citation in citations(events)] == [*range(1, SHOWN + 1)]


@pytest.mark.parametrize("reason", [one for one in RefusalReason if one is not RefusalReason.NOT_IN_DOCUMENTS])
async def test_where_something_else_than_the_search_decided_nothing_is_shown(desk: Desk, reason: RefusalReason) -> None:
    assert await shown(desk, {"refusal": reason, "evidence": evidence("Unused vacation days.")}) == ({}, [])


async def test_without_anything_near_nothing_is_shown(desk: Desk) -> None:
    far = Candidate(chunk("The relief valve opens at 6 bar."), 0.1, dense_score=0.05)
    assert await shown(desk, {"evidence": [far]}) == ({}, [])
    assert await shown(desk, {}) == ({}, [])


async def quotes(query: str, passage: str, embedding: EmbeddingProvider | None = None) -> list[str]:
    found = await nearest(query, evidence(passage), dict.fromkeys(query.split(), 1.0), least=0.0, embedding=embedding)
    return [near.quote for near in found]


async def test_neither_headings_nor_lines_of_tables_are_quoted() -> None:
    passage = "# Vacation days\n\n| Vacation | Days |\n|---|---|\n| unused | 5 |\n\n---\n"
    assert await quotes("How many unused vacation days?", passage) == ["Vacation: unused; Days: 5"]
    assert await quotes("Vacation?", "# Vacation") == []


async def test_of_sentences_with_as_many_words_the_nearest_in_meaning_is_quoted() -> None:
    passage = "The hall is painted every spring. Broken machines are mended by Tom. The hall is locked at night."
    query = "Who repairs defective equipment?"
    assert await quotes(query, passage, Synonyms()) == ["Broken machines are mended by Tom."]
    assert await quotes(query, passage, Unreachable()) == await quotes(query, passage)


async def test_of_signs_that_no_document_has_nothing_is_near() -> None:
    assert await nearest("%s %n", evidence("The hall is locked."), {"s": 0.0}, least=0.0, embedding=None) == []


def test_a_quote_has_an_end() -> None:
    assert len(shortened("word " * 500).split()) == MAX_QUOTE_WORDS + 1


class Synonyms(WordEmbedding):
    """A model that knows two words for one thing."""

    async def embed_batch(
        self, texts: Sequence[str], batch_size: int = 32, *, kind: EmbeddingKind = EmbeddingKind.PASSAGE
    ) -> Vector:
        known = [text.replace("defective equipment", "broken machines") for text in texts]
        return await super().embed_batch(known, batch_size, kind=kind)


class Unreachable(WordEmbedding):
    """A model whose server is down."""

    async def embed_batch(
        self, texts: Sequence[str], batch_size: int = 32, *, kind: EmbeddingKind = EmbeddingKind.PASSAGE
    ) -> Vector:
        raise ProviderUnavailableError("The embedding does not answer.")


def citations(events: list[AnswerEvent]) -> list[Citation]:
    return [event.citation for event in events if isinstance(event, CitationEvent)]
