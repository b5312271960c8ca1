"""Does a document survive the way out of the limited process?"""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from core.types import Block, BlockKind, Box, ParsedDocument, ParsedPage, Word
from plugins.parser.sandbox.transfer import from_json, to_json

BLOCKS = st.builds(Block, st.sampled_from(BlockKind), st.integers(0, 50), st.integers(0, 50), st.integers(0, 6))
BOXES = st.builds(Box, *[st.floats(0, 1)] * 4)
WORDS = st.builds(Word, st.integers(0, 50), st.integers(0, 50), BOXES)
PAGES = st.builds(
    ParsedPage,
    st.integers(1, 9),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00")),
    st.lists(BLOCKS, max_size=3).map(tuple),
    st.text(st.characters(codec="utf-8"), max_size=9),
    st.lists(WORDS, max_size=3).map(tuple),
)
DOCUMENTS = st.builds(
    ParsedDocument,
    st.lists(PAGES, max_size=3).map(tuple),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    st.booleans(),
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=9), max_size=2).map(tuple),
)


@given(DOCUMENTS)
def test_a_document_arrives_as_it_was(document: ParsedDocument) -> None:
    assert from_json(json.loads(json.dumps(to_json(document)))) == document


@given(st.text(st.characters(), max_size=60))
def test_what_cannot_be_stored_is_replaced_one_for_one(text: str) -> None:
    arrived = from_json(to_json(ParsedDocument((ParsedPage(1, text + "\x00\ud800"),)))).text
    assert len(arrived) == len(text) + 2
    assert arrived.encode()
    assert "\x00" not in arrived
    assert arrived.endswith("\ufffd\ufffd")
