"""Which questions can be searched?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ValidationError
from services.search.search import MAX_QUERY, valid_question


@given(st.text())
def test_a_valid_question_can_be_stored_and_searched(text: str) -> None:
    try:
        question = valid_question(text)
    except ValidationError:
        assert not text.replace("\x00", "").strip()
        return
    assert question == question.strip() != ""
    assert "\x00" not in question
    assert question.encode()


def test_half_a_character_becomes_a_mark_instead_of_an_error() -> None:
    assert valid_question("a\ud800b") == "a?b"


def test_the_longest_question_passes_and_one_character_more_does_not() -> None:
    assert len(valid_question("x" * MAX_QUERY)) == MAX_QUERY
    with pytest.raises(ValidationError, match="10,001 characters; 10,000 are allowed"):
        valid_question("x" * (MAX_QUERY + 1))
