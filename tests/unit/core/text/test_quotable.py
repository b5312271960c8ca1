"""What of a passage can be quoted, and how?"""

from __future__ import annotations

import pytest

from core.text.quotable import sentences_of
from core.types import Passage


def said(text: str, title: str = "") -> list[str]:
    return [sentence.text for sentence in sentences_of(Passage(number=1, text=text, title=title))]


def test_no_marks_of_writing_are_quoted() -> None:
    text = "**Present:** Priyanka and Tom.\n\n> not known before?\n\n- See [the plan](https://plan.example/a)."
    assert said(text) == [
        "Present: Priyanka and Tom.",
        "not known before?",
        "See the plan.",
    ]


@pytest.mark.parametrize("heading", ["# Open actions", "Open actions"])
def test_a_heading_is_what_others_stand_under_and_nothing_to_quote(heading: str) -> None:
    (sentence,) = sentences_of(Passage(number=1, text=f"{heading}\nTom orders the filters by Friday."))
    assert sentence.text == "Tom orders the filters by Friday."
    assert "Open actions" in sentence.around


def test_a_short_line_alone_or_with_a_number_is_no_heading() -> None:
    assert said("Marta Xaver") == ["Marta Xaver"]
    assert said("Extension 4711\nCall before noon.") == ["Extension 4711", "Call before noon."]


def test_a_sentence_that_refers_back_is_quoted_with_the_one_before() -> None:
    text = "The pump stands in hall 3. It is serviced by Tom. The hall has a crane."
    assert said(text)[1:] == ["The pump stands in hall 3. It is serviced by Tom.", "The hall has a crane."]


def test_neighbours_are_known_within_a_paragraph() -> None:
    first, second, other = sentences_of(Passage(number=1, text="One is red. Two is blue.\n\nThree is green."))
    assert (first.beside, second.beside, other.beside) == ("Two is blue.", "One is red.", "")


def test_a_row_is_quoted_with_the_names_of_its_columns_of_this_passage_or_the_one_before() -> None:
    rows = "| Part | Price |\n|---|---|\n| Oil filter | 97.6 EUR |"
    assert said(rows) == ["Part: Oil filter; Price: 97.6 EUR"]
    assert said("| Fan | 12 EUR |", title="Prices\n| Part | Price |") == ["Part: Fan; Price: 12 EUR"]


def test_no_passage_breaks_it() -> None:
    for text in ("", "\n\n", "|", "||||", "| |", "***", "> > >", "#", "- -", "[](", "**a", "`" * 500, "*a" * 2000):
        assert isinstance(said(text), list)
