"""Is weak evidence told from good, whatever the exact numbers are?"""

from __future__ import annotations

from core.text import language, terms
from core.types import Candidate
from graph.evidence import background, nearness
from tests.unit.graph.conftest import chunk, evidence

QUESTION = "How many days of vacation does every employee have?"
ANSWERING = "Every employee has 30 days of vacation."
STRANGE = "The relief valve opens at 6 bar."
IDF = dict.fromkeys(terms.terms(f"{QUESTION} {ANSWERING}", "en"), 2.0)


def score(text: str, dense: float | None = 0.5) -> float:
    return nearness(QUESTION, Candidate(chunk(text), 1.0, dense), IDF)


def test_a_passage_with_the_words_of_the_question_is_worth_more_than_one_without() -> None:
    assert score(ANSWERING) > score(STRANGE)


def test_a_passage_near_in_meaning_is_worth_more_than_a_far_one() -> None:
    assert score(ANSWERING, dense=0.6) > score(ANSWERING, dense=0.2)


def test_without_vectors_words_alone_decide() -> None:
    assert score(ANSWERING, dense=None) > score(STRANGE, dense=None)
    assert score(STRANGE, dense=None) == 0.0


def test_without_vectors_the_grammar_of_a_question_is_not_held_against_a_passage() -> None:
    idf = dict.fromkeys(terms.terms(ANSWERING, "en"), 0.3)
    (found,) = evidence(ANSWERING)
    assert nearness(QUESTION, Candidate(found.chunk, 1.0, None), idf) == 1.0


def test_every_score_lies_between_0_and_1() -> None:
    for dense in (None, -1.0, 0.0, 0.5, 1.0):
        for text in (ANSWERING, STRANGE, ""):
            assert 0 <= score(text, dense=dense) <= 1


def test_headings_count_for_what_stands_under_them() -> None:
    under = Candidate(chunk("30 days for every employee.", context="Vacation"), 1.0)
    without = Candidate(chunk("30 days for every employee."), 1.0)
    assert nearness(QUESTION, under, IDF) > nearness(QUESTION, without, IDF)


def test_a_question_without_words_is_covered_by_nothing() -> None:
    assert terms.terms("???", language.detect("???")) == []
    assert nearness("???", Candidate(chunk(ANSWERING), 1.0, 0.5), {}) < 1


def test_the_background_is_the_median_of_what_has_a_similarity() -> None:
    found = [Candidate(chunk(STRANGE), 1.0, dense) for dense in (0.1, None, 0.5, 0.2)]
    assert background(found) == 0.2
    assert background(found[1:2]) is None
