"""Are the passages that come closest shown as such, quoted and cited, and never instead of another refusal?"""

from __future__ import annotations

import pytest
from langgraph.runtime import Runtime

from core.events import AnswerEvent, Citation, CitationEvent, ClosestEvent, RefusalReason
from core.types import Candidate
from graph.nearness import MAX_QUOTE_WORDS, SHOWN, closest_sentence, nearest, readable
from graph.nodes.closest import INTRODUCTION, ONE, closest
from graph.state import AnswerState
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


def test_neither_headings_nor_lines_of_tables_are_quoted() -> None:
    passage = "# Vacation days\n\n| Vacation | Days |\n|---|---|\n| unused | 5 |\n\n---\n"
    assert closest_sentence("How many unused vacation days?", chunk(passage), {}) == "unused · 5"
    assert closest_sentence("Vacation?", chunk("# Vacation"), {}) == ""
    assert nearest("Vacation?", evidence("# Vacation"), {}) == []


def test_a_quote_stands_on_one_line_without_marks_and_has_an_end() -> None:
    assert readable("- **Unused** days\n  expire.") == "Unused days expire."
    assert len(readable("word " * 500).split()) == MAX_QUOTE_WORDS + 1


def citations(events: list[AnswerEvent]) -> list[Citation]:
    return [event.citation for event in events if isinstance(event, CitationEvent)]
