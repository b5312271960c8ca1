"""Does a passage carry what a sentence says?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import Support
from graph import grounding

PASSAGE = "The relief valve of the boiler opens at 2,000 kPa. It must not be opened by hand. Tested at 8:30 on 3 May."


@pytest.mark.parametrize(
    ("sentence", "support"),
    [
        ("The relief valve of the boiler opens at 2000 kPa.", Support.SUPPORTED),
        ("The relief valve opens at 3000 kPa.", Support.UNSUPPORTED),
        ("The relief valve closes slowly under water.", Support.PARTLY),
        ("Vacation requests need approval.", Support.UNSUPPORTED),
        ("It was tested at 8:30.", Support.SUPPORTED),
        ("It was tested at 8:45.", Support.UNSUPPORTED),
        ("And it is.", Support.NOT_A_CLAIM),
        ("", Support.NOT_A_CLAIM),
    ],
)
def test_support_follows_words_and_numbers(sentence: str, support: Support) -> None:
    assert grounding.check(sentence, [PASSAGE]).support is support


def test_without_a_passage_nothing_is_supported() -> None:
    assert grounding.check("The valve opens.", []).support is Support.UNSUPPORTED


def test_a_negation_the_passage_does_not_have_is_not_fully_supported() -> None:
    affirmed = ["The valve is opened by hand every day."]
    assert grounding.check("The valve is not opened by hand.", affirmed).support is Support.PARTLY
    assert grounding.check("The valve is opened by hand.", affirmed).support is Support.SUPPORTED
    assert grounding.check("Never feed the office cats.", affirmed).support is Support.UNSUPPORTED


def test_two_passages_carry_a_sentence_together() -> None:
    sentence = "The valve opens at 6 bar and the pump stops at 90 degrees."
    one, other = "The valve opens at 6 bar.", "The pump stops at 90 degrees."
    assert grounding.check(sentence, [one]).support is Support.UNSUPPORTED
    assert grounding.check(sentence, [one, other]).support is Support.SUPPORTED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2,000 and 2.000 and 2000", {"2000"}),
        ("1,234,567", {"1234567"}),
        ("3,5 and 3.5", {"3.5"}),
        ("12:30", {"12:30"}),
        ("Version 3.", {"3"}),
        ("none", set()),
    ],
)
def test_numbers_agree_however_they_are_written(text: str, expected: set[str]) -> None:
    assert grounding.numbers(text) == expected


@given(st.text(max_size=120), st.lists(st.text(max_size=120), max_size=3))
def test_any_sentence_gets_a_share_between_0_and_1(sentence: str, passages: list[str]) -> None:
    assert 0 <= grounding.check(sentence, passages).score <= 1


@given(st.text(max_size=120), st.text(max_size=200))
def test_the_nearest_span_lies_in_the_passage(sentence: str, passage: str) -> None:
    start, end = grounding.best_span(sentence, passage)
    assert 0 <= start <= end <= len(passage)


def test_the_nearest_span_is_the_row_that_says_it() -> None:
    table = "| part | price |\n|---|---|\n| pump | 40 |\n| valve | 12 |"
    start, end = grounding.best_span("The valve costs 12.", table)
    assert table[start:end] == "| valve | 12 |"


def test_the_number_in_a_name_is_no_number_of_its_own() -> None:
    passage = ["The TX-120 has a capacity of 4 kW. Oil is changed at 90 °C."]
    assert grounding.check("The capacity of the TX-120 is 4 kW.", passage).support is Support.SUPPORTED
    assert grounding.check("Oil of the TX-120 is changed at 120 °C.", passage).support is Support.UNSUPPORTED
    assert grounding.check("The TX-240 has a capacity of 4 kW.", passage).support is Support.UNSUPPORTED
