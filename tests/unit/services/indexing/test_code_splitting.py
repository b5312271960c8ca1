"""Is long code cut at the borders that its writer left, and nothing of it lost?"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.types import Block, BlockKind, ParsedDocument, ParsedPage
from services.indexing.chunking import chunk_document
from services.indexing.code_splitting import split

PYTHON = "".join(
    f"def open_valve_{number}(slowly: bool) -> None:\n    pump.wait()  # long\n\n    valve.open(slowly)\n\n\n"
    for number in range(6)
)
SETTINGS = "".join(f"plant_{number}:\n  valves: 4\n  # in bar\n  pressure: 6\n\n" for number in range(12))
LINES = st.sampled_from(["", "", "def f():", "    return 1", "x" * 40, "}", "\t\tvalue: 3", " ", "热泵"])


def tokens(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"\w{1,5}|[^\w\s]", text)]


def count(text: str) -> int:
    return len(tokens(text))


@given(st.lists(LINES, max_size=60).map("\n".join), st.integers(2, 30))
def test_the_parts_are_the_text_and_only_single_lines_are_too_long(text: str, max_tokens: int) -> None:
    parts = [text[start:end] for start, end in split(text, count, max_tokens)]
    assert "".join(parts) == text
    assert all(count(part) <= max_tokens or "\n" not in part.strip("\n") for part in parts)


@pytest.mark.parametrize(("code", "beginning"), [(PYTHON, "def open_valve_"), (SETTINGS, "plant_")])
def test_chunks_of_code_begin_where_a_part_of_it_does(code: str, beginning: str) -> None:
    parsed = ParsedDocument((ParsedPage(1, code, (Block(BlockKind.CODE, 0, len(code)),)),), paged=False)
    drafts = chunk_document(
        parsed,
        token_spans=tokens,
        max_tokens=70,
        overlap=0,
        min_tokens=0,
        title="",
        language_of=lambda _: "en",
    )
    assert len(drafts) > 2
    assert all(draft.content.startswith(beginning) for draft in drafts)
    assert all(draft.token_count <= 70 for draft in drafts)
