"""Is plain text read whatever its encoding, and its structure seen?"""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DocumentError
from core.types import BlockKind, ParsedPage, PluginStatus
from plugins.parser.text.provider import TYPES, TextOptions, TextParser, blocks_of, decode

WORDS = "Über die Wärmepumpe – 3 °C “warm”\n"
ORDINARY = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1)
LINES = st.lists(
    st.sampled_from(
        ["# One", "## Two", "#no", "", " ", "text", "- item", "  goes on", "1. item", "| a | b |", "```", "~~~", "code"]
    ),
    max_size=20,
).map("\n".join)  # fmt: skip


async def parsed(folder: Path, data: bytes) -> ParsedPage:
    path = folder / "stored"
    path.write_bytes(data)
    document = await TextParser(TextOptions()).parse(path)
    assert not document.paged
    (page,) = document.pages
    return page


def kinds(text: str) -> list[tuple[BlockKind, int, str]]:
    return [(block.kind, block.level, text[block.start : block.end]) for block in blocks_of(text)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
async def test_usual_encodings_give_the_same_text(tmp_path: Path, encoding: str) -> None:
    assert (await parsed(tmp_path, WORDS.encode(encoding))).text == WORDS


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_seen_by_its_zeros(encoding: str) -> None:
    # All these bytes are valid UTF-8 as well.
    text = "The relief valve – it opens at 6 bar." * 5
    assert decode(text.encode(encoding)) == text


@given(ORDINARY)
def test_utf_8_comes_back_as_it_was(text: str) -> None:
    assert decode(text.encode()) == text.removeprefix("\ufeff")


@given(st.binary(max_size=300))
def test_any_bytes_are_text_or_a_clean_refusal(data: bytes) -> None:
    try:
        text = decode(data)
    except DocumentError:
        assert any(byte < 9 or 13 < byte < 32 for byte in data)
    else:
        marks = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
        assert bool(text) == bool(data and data not in marks)


async def test_ends_of_lines_become_one_kind(tmp_path: Path) -> None:
    assert (await parsed(tmp_path, b"a\r\nb\rc\nd")).text == "a\nb\nc\nd"


async def test_a_nought_character_is_replaced(tmp_path: Path) -> None:
    assert (await parsed(tmp_path, b"a\x00b")).text == "a\ufffdb"


@pytest.mark.parametrize("data", [b"", b" \n\t\r\n ", b"\xef\xbb\xbf  "])
async def test_a_file_without_words_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(DocumentError) as caught:
        await parsed(tmp_path, data)
    assert caught.value.failure_code == "no_text"


async def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        await parsed(tmp_path, bytes([1, 2, 0x80, 3, 0xFF]) * 100)
    assert caught.value.failure_code == "not_text"


def test_structure_of_markdown_is_seen() -> None:
    text = "# Title\nintro\n\n## Part\n- one\n  goes on\n- two\n| a | b |\n|---|---|\n```\n# no heading\n```\nend"
    assert kinds(text) == [
        (BlockKind.HEADING, 1, "# Title"),
        (BlockKind.TEXT, 0, "intro"),
        (BlockKind.HEADING, 2, "## Part"),
        (BlockKind.LIST, 0, "- one\n  goes on\n- two"),
        (BlockKind.TABLE, 0, "| a | b |\n|---|---|"),
        (BlockKind.CODE, 0, "```\n# no heading\n```"),
        (BlockKind.TEXT, 0, "end"),
    ]


def test_paragraphs_stand_apart_and_lines_of_one_together() -> None:
    assert [text for _, _, text in kinds("one\ntwo\n\nthree")] == ["one\ntwo", "three"]


def test_what_only_looks_like_a_heading_is_text() -> None:
    assert {kind for kind, _, _ in kinds("#hashtag\n####### seven")} == {BlockKind.TEXT}


def test_a_fence_that_never_ends_is_code_to_the_end() -> None:
    assert {kind for kind, _, _ in kinds("```\n# a\n\n- b")} == {BlockKind.CODE}


@given(LINES | st.text(max_size=200))
def test_blocks_cover_all_words_in_order_without_overlap(text: str) -> None:
    position = 0
    for block in blocks_of(text):
        assert position <= block.start < block.end <= len(text)
        assert not text[position : block.start].strip()
        assert (block.level > 0) == (block.kind is BlockKind.HEADING)
        position = block.end
    assert not text[position:].strip()


async def test_it_reads_what_it_says_and_is_well() -> None:
    parser = TextParser(TextOptions())
    await parser.start()
    assert all(parser.supports_mime_type(mime_type) for mime_type in TYPES)
    assert not parser.supports_mime_type("application/pdf")
    assert (await parser.health_check()).status is PluginStatus.HEALTHY
    await parser.close()
    await parser.close()


@pytest.mark.parametrize("suffix", [".code", ".yaml", ".json"])
async def test_code_has_no_headings_and_lists(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"document{suffix}"
    path.write_text("# wait for the pump\n\n- valve: 6\n")
    (page,) = (await TextParser(TextOptions()).parse(path)).pages
    assert [(block.kind, block.start, block.end) for block in page.blocks] == [(BlockKind.CODE, 0, len(page.text))]
