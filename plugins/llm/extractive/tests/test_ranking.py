"""Which sentences answer, and when does none?"""

from __future__ import annotations

import httpx
import pytest

from core.types import Grounding, Passage
from plugins.embedding.onnx import OnnxEmbedding
from plugins.interfaces import PluginContext
from plugins.llm.extractive.ranking import choose, rank
from tests.fixtures.embeddings import NarrowEmbedding

MANUAL = "The TX-120 reaches 110 degrees. Its filter is cleaned by the operator. The hall has a crane."
VISITS = "The engineer of Northwind inspects the boiler in spring. The inspection takes three hours."


def grounding(question: str, *texts: str) -> Grounding:
    passages = tuple(Passage(number=n, text=text, language="en", score=1.0) for n, text in enumerate(texts, start=1))
    return Grounding(question=question, passages=passages)


async def answer(question: str, *texts: str) -> list[str]:
    """The best sentences; none where the best lacks what is asked for, or what the question calls by name."""
    ranked = await rank(grounding(question, *texts), None)
    if not ranked or ranked[0].score < 0.75:
        return []
    return [sentence.text for sentence in choose(ranked, near=0.97, limit=3, max_words=80)]


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


PRICES = "| Part | Price |\n|---|---|\n| Oil filter | 97.6 EUR |"
HOTELS = "| Town: Kassel | Hotel rate: 90 EUR. Breakfast is extra. |"


async def test_rows_are_quoted_with_the_names_of_their_columns_whether_above_or_in_them() -> None:
    assert await answer("What is the price of an oil filter?", f"{PRICES}\n\n{HOTELS}") == [
        "Part: Oil filter; Price: 97.6 EUR"
    ]
    assert await answer("What is the hotel rate in Kassel?", f"{PRICES}\n\n{HOTELS}") == [
        "Town: Kassel; Hotel rate: 90 EUR. Breakfast is extra."
    ]


async def test_nothing_is_ranked_without_sentences() -> None:
    assert await answer("What?", "") == []


async def test_sentences_score_alike_with_a_model_whose_cosines_sit_in_a_narrow_band(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    asked = grounding("Who cleans the filter?", MANUAL, VISITS)
    scores = []
    async with httpx.AsyncClient() as http:
        context = PluginContext(http=http, data_dir=tmp_path_factory.mktemp("models"))
        for kind in (OnnxEmbedding, NarrowEmbedding):
            embedding = kind(OnnxEmbedding.Options(model="all-MiniLM-L6-v2"), context)
            await embedding.start()
            scores.append([item.score for item in await rank(asked, embedding)])
    assert scores[0] == pytest.approx(scores[1], abs=0.001)
    assert max(scores[0]) - min(scores[0]) > 0.1
