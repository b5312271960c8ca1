"""Is a word found that was meant, and nothing made of what is no word?"""

from __future__ import annotations

import pytest

from core.text.misspellings import variants


@pytest.mark.parametrize("meant", ["celoron", "celern", "celeroon", "celreon", "xeleron", "celerom"])
def test_one_letter_wrong_missing_too_many_or_exchanged_is_forgiven(meant: str) -> None:
    assert meant in variants("celeron")


@pytest.mark.parametrize("term", ["pump", "x1234", "e-47", "größe", "a" * 25, ""])
def test_short_words_codes_and_other_letters_have_none(term: str) -> None:
    assert variants(term) == frozenset()


def test_the_word_itself_is_none_of_them() -> None:
    assert "valve" not in variants("valve")
