"""Do texts that say nearly the same meet, and others not?"""

from __future__ import annotations

import random

import pytest

from core.types import ParsedDocument, ParsedPage
from services.uploads.near_duplicates import LEAST, bands, signature, similarity

WORDS = [f"word{number}" for number in range(5_000)]


def document(words: list[str]) -> ParsedDocument:
    return ParsedDocument((ParsedPage(1, " ".join(words)),))


def signed(words: list[str]) -> bytes:
    values = signature(document(words))
    assert values is not None
    return values


@pytest.mark.parametrize("changed", [0, 1, 3])
def test_texts_with_few_changed_words_meet_in_a_band(changed: int) -> None:
    source = random.Random(7)
    for _ in range(20):
        text = source.choices(WORDS, k=300)
        other = list(text)
        for place in source.sample(range(300), changed):
            other[place] = "other"
        one, two = signed(text), signed(other)
        assert set(bands(one)) & set(bands(two))
        assert similarity(one, two) >= LEAST


def test_texts_with_other_words_do_not_meet() -> None:
    source = random.Random(7)
    found = [signed(source.choices(WORDS, k=300)) for _ in range(40)]
    assert all(not set(bands(one)) & set(bands(two)) for one in found for two in found if one is not two)


def test_the_signature_of_a_text_never_changes() -> None:
    # It is stored: another value for the same text would make every stored one useless.
    values = signed([f"word{number}" for number in range(40)])
    assert (len(values), values[:8].hex()) == (512, "3d59c9c0388613c2")


def test_case_line_breaks_and_pages_do_not_matter() -> None:
    words = [f"Wort{number}" for number in range(60)]
    pages = ParsedDocument((ParsedPage(1, "\n".join(words[:30])), ParsedPage(2, " ".join(words[30:]).upper())))
    assert signature(pages) == signed(words)


def test_a_script_without_spaces_is_compared_by_signs() -> None:
    text = "热泵每年维护一次并检查过滤器和阀门的压力" * 2 + "锅炉的安全阀在六巴时打开请勿调整"
    one, other = signed([text]), signed([text.replace("六", "八")])
    assert 0.5 < similarity(one, other) < 1


def test_a_text_of_a_few_words_has_none() -> None:
    assert signature(document(["word"] * 400)) is None
    assert signature(document(["a", "few", "words"])) is None
    assert signature(ParsedDocument(())) is None
