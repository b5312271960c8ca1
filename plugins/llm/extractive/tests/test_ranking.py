"""Which sentences answer, and when does none?"""

from __future__ import annotations

import pytest

from core.types import Grounding, Passage
from plugins.llm.extractive.ranking import choose, rank

MANUAL = "The TX-120 reaches 110 degrees. Its filter is cleaned by the operator. The hall has a crane."
VISITS = "The engineer of Northwind inspects the boiler in spring. The inspection takes three hours."


async def answer(question: str, *texts: str) -> list[str]:
    passages = tuple(Passage(number=n, text=text, language="en", score=1.0) for n, text in enumerate(texts, start=1))
    ranked = await rank(Grounding(question=question, passages=passages), None)
    return [sentence.text for sentence in choose(ranked, min_score=0.5, near=0.9, limit=3, max_words=80)]


async def test_sentence_that_says_it_is_chosen() -> None:
    assert await answer("How many degrees does the TX-120 reach?", MANUAL, VISITS) == [
        "The TX-120 reaches 110 degrees."
    ]


@pytest.mark.parametrize(
    "question",
    ["How many degrees does the TX-600 reach?", "Does the engineer of Eastwind inspect the boiler in spring?"],
)
async def test_another_thing_of_the_same_kind_is_no_answer(question: str) -> None:
    named = question.replace("TX-600", "TX-120").replace("Eastwind", "Northwind")
    assert await answer(named, MANUAL, VISITS)
    assert await answer(question, MANUAL, VISITS) == []


async def test_length_of_time_is_answered_only_by_one() -> None:
    question = "How long does the inspection of the boiler take?"
    assert await answer(question, VISITS) == ["The inspection takes three hours."]
    assert await answer(question, VISITS.replace("three hours", "2 engineers")) == []


async def test_nothing_is_ranked_without_sentences() -> None:
    assert await answer("What?", "") == []
