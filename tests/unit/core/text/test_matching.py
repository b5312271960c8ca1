"""How much of a question does a text speak to?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text import matching

WORDS = st.frozensets(st.text("abcdefgh", min_size=1, max_size=9), max_size=8)


def test_words_that_only_ask_are_left_out() -> None:
    assert matching.content_terms("How many vacation days do I have?", "en") == {"vacat", "day"}
    assert matching.content_terms("Wie viele Urlaubstage habe ich?", "de") >= {"urlaubstag"}


def test_a_question_of_asking_words_keeps_them() -> None:
    assert matching.content_terms("Who can do what?", "en")


def test_the_same_word_counts_whole_a_relative_less_and_a_stranger_nothing() -> None:
    present = {"temperatur", "e-47"}
    assert matching.likeness("temperatur", present) == 1.0
    assert matching.likeness("temperature", present) == matching.RELATED
    assert matching.likeness("pressure", present) == 0.0


@pytest.mark.parametrize(
    ("one", "other"),
    [("kilometergeld", "kilometer"), ("reisekosten", "kosten"), ("organis", "organiz")],
)
def test_compounds_and_spellings_are_related_both_ways(one: str, other: str) -> None:
    assert matching.likeness(one, {other}) == matching.likeness(other, {one}) == matching.RELATED


@pytest.mark.parametrize(("one", "other"), [("e-4711", "e-4712"), ("art", "artist"), ("contract", "control")])
def test_codes_and_short_words_have_no_relatives(one: str, other: str) -> None:
    assert matching.likeness(one, {other}) == 0.0


@given(WORDS, WORDS, WORDS)
def test_coverage_lies_between_0_and_1_and_grows_with_the_text(
    wanted: frozenset[str], present: frozenset[str], more: frozenset[str]
) -> None:
    idf = matching.rarity([present, more])
    share = matching.coverage(wanted, present, idf)
    assert 0 <= share <= 1 + 1e-9
    assert matching.coverage(wanted, present | more, idf) >= share - 1e-9


def test_coverage_of_everything_is_whole_and_of_nothing_is_none() -> None:
    assert matching.coverage({"pump", "valve"}, {"pump", "valve", "bar"}, {}) == pytest.approx(1)
    assert matching.coverage(set(), {"pump"}, {}) == 0.0
    assert matching.coverage({"pump"}, set(), {}) == 0.0


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    idf = matching.rarity([{"pump", "valve"}, {"pump"}, {"pump"}])
    assert idf["valve"] > idf["pump"] > 0
    wanted = {"pump", "valve"}
    assert matching.coverage(wanted, {"valve"}, idf) > matching.coverage(wanted, {"pump"}, idf)


def test_a_word_no_document_has_weighs_like_a_rare_one() -> None:
    assert matching.coverage({"pump", "unheard"}, {"pump"}, {"pump": 1.0}) < 0.5
