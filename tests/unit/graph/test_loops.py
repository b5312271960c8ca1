"""Is a text found out that goes round in circles, and no other?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.loops import LONGEST, is_stuck
from tests.unit.graph.conftest import HANDBOOK


@given(st.text(max_size=300), st.text("ab cd.\n", min_size=1, max_size=LONGEST).filter(str.strip))
def test_the_same_part_over_and_over_is_found_whatever_stood_before(before: str, part: str) -> None:
    assert is_stuck(before + part * 100)


@pytest.mark.parametrize("part", ["- ", "|", ".", " "])
def test_signs_without_letters_may_fill_a_line_but_not_a_page(part: str) -> None:
    assert not is_stuck("Name" + part * (100 // len(part)))
    assert is_stuck("Name" + part * 1000)


def test_prose_and_tables_are_none() -> None:
    assert not is_stuck(" ".join(chunk.content for chunk in HANDBOOK))
    assert not is_stuck("\n".join(f"| {n} | 0 | 0 | 0 | yes |" for n in range(100)))
    assert not is_stuck("No, no, no. Ha ha ha ha ha!")
    assert not is_stuck("")
