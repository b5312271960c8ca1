"""Is a document cut without losing a character, along its structure and to size?"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from core.types import Block, BlockKind, ChunkDraft, ParsedDocument, ParsedPage
from plugins.parser.text.provider import blocks_of
from plugins.parser.unstructured.provider import UnstructuredOptions, UnstructuredParser
from services.indexing.chunking import LEFT_OUT, MAX_CONTEXT, chunk_document

LINES = st.sampled_from(
    [
        "# Heating", "## Boiler", "### Valve", "#### Test", "# " + "A very long heading " * 12, "", "", "Short text.",
        "One sentence here. Another sentence there! A third one? Yes.", "- an item", "- another item of the list",
        "  and goes on", "| part | price |", "|---|---|", "| pump | 40 |", "```", "code = 1", "    indented",
        "热泵维护手册。每年一次。", "word " * 30, "x" * 50, "\u3000", "1. Step one. 2. Step two.",
    ]
)  # fmt: skip
MARKDOWN = st.lists(LINES, max_size=25).map("\n".join)
SIZES = st.tuples(st.integers(3, 40), st.integers(0, 12), st.integers(0, 15))


def tokens(text: str) -> list[tuple[int, int]]:
    """A tokenizer like that of a model: words in pieces of at most five characters, signs alone."""
    return [match.span() for match in re.finditer(r"\w{1,5}|[^\w\s]", text)]


def document(*texts: str, paged: bool = False) -> ParsedDocument:
    pages = [ParsedPage(number, text, blocks_of(text)) for number, text in enumerate(texts, start=1)]
    return ParsedDocument(tuple(pages), paged=paged)


def chunks(
    parsed: ParsedDocument, *, max_tokens: int = 40, overlap: int = 0, min_tokens: int = 0, title: str = "Manual"
) -> list[ChunkDraft]:
    return chunk_document(
        parsed,
        token_spans=tokens,
        max_tokens=max_tokens,
        overlap=overlap,
        min_tokens=min_tokens,
        title=title,
        language_of=lambda text: "en",
    )


def assert_nothing_is_lost(parsed: ParsedDocument, drafts: list[ChunkDraft], max_tokens: int) -> None:
    pages = {page.number: page.text for page in parsed.pages}
    covered: dict[int, set[int]] = {number: set() for number in pages}
    for index, draft in enumerate(drafts):
        assert draft.index == index
        assert draft.content == pages[draft.page][draft.char_start : draft.char_end]
        assert draft.content == draft.content.strip() != ""
        assert draft.token_count <= max_tokens
        assert draft.token_count == sum(
            draft.char_start <= start < draft.char_end for start, _ in tokens(pages[draft.page])
        )
        covered[draft.page].update(range(draft.char_start, draft.char_end))
    for page in parsed.pages:
        unseen = {i for block in page.blocks if block.kind in LEFT_OUT for i in range(block.start, block.end)}
        shown = {i for i, character in enumerate(page.text) if not character.isspace()}
        assert shown - covered[page.number] == shown & unseen
        assert not unseen & covered[page.number]


@given(st.lists(MARKDOWN, min_size=1, max_size=3), SIZES)
def test_every_visible_character_lies_in_a_chunk_with_exact_spans(
    texts: list[str], sizes: tuple[int, int, int]
) -> None:
    max_tokens, overlap, min_tokens = sizes
    parsed = document(*texts)
    drafts = chunks(parsed, max_tokens=max_tokens, overlap=overlap, min_tokens=min_tokens)
    assert_nothing_is_lost(parsed, drafts, max_tokens)


@given(st.text(max_size=200), st.lists(st.integers(0, 200), max_size=8), st.lists(st.sampled_from(BlockKind)), SIZES)
def test_whatever_blocks_a_parser_reports_nothing_is_lost(
    text: str, cuts: list[int], kinds: list[BlockKind], sizes: tuple[int, int, int]
) -> None:
    places = sorted({cut for cut in cuts if cut <= len(text)})
    blocks = tuple(
        Block(kind, start, end, level=1 if kind is BlockKind.HEADING else 0)
        for kind, start, end in zip(kinds, places[::2], places[1::2], strict=False)
    )
    parsed = ParsedDocument((ParsedPage(1, text, blocks),))
    max_tokens, overlap, min_tokens = sizes
    drafts = chunks(parsed, max_tokens=max_tokens, overlap=overlap, min_tokens=min_tokens)
    assert_nothing_is_lost(parsed, drafts, max_tokens)


@given(MARKDOWN, SIZES)
def test_chunks_stand_in_reading_order_and_repeat_no_more_than_the_overlap(
    text: str, sizes: tuple[int, int, int]
) -> None:
    max_tokens, overlap, min_tokens = sizes
    drafts = chunks(document(text), max_tokens=max_tokens, overlap=overlap, min_tokens=min_tokens)
    for before, after in pairwise(drafts):
        assert before.char_start < after.char_start
        assert before.char_end < after.char_end
        assert sum(after.char_start <= start < before.char_end for start, _ in tokens(text)) <= overlap


def test_a_long_text_is_cut_at_sentence_ends_and_repeats_whole_sentences() -> None:
    text = "One two three. Four five six. Seven eight nine. Ten one two."
    assert [draft.content for draft in chunks(document(text), max_tokens=9, overlap=6)] == [
        "One two three. Four five six.",
        "Four five six. Seven eight nine.",
        "Seven eight nine. Ten one two.",
    ]
    assert [draft.content for draft in chunks(document(text), max_tokens=9, overlap=0)] == [
        "One two three. Four five six.",
        "Seven eight nine. Ten one two.",
    ]


def test_a_heading_longer_than_a_chunk_is_cut_like_any_text() -> None:
    drafts = chunks(document("# " + "Heading words. " * 40), max_tokens=20)
    assert len(drafts) > 2
    assert all(draft.token_count <= 20 for draft in drafts)


def test_a_heading_goes_with_what_follows_and_its_path_with_every_chunk_under_it() -> None:
    text = "# Manual\n\nIntro words here.\n\n## Boiler\n\nIt heats water.\n\n### Valve\n\nIt opens."
    drafts = chunks(document(f"{text}\n\n## Pump\n\nIt pumps."), title="")
    assert [(draft.heading_path, draft.content.splitlines()[-1]) for draft in drafts] == [
        (("Manual",), "Intro words here."),
        (("Manual", "Boiler"), "It heats water."),
        (("Manual", "Boiler", "Valve"), "It opens."),
        (("Manual", "Pump"), "It pumps."),
    ]
    assert drafts[1].content == "## Boiler\n\nIt heats water."


def test_headings_in_a_row_stay_with_the_text_under_the_last() -> None:
    (draft,) = chunks(document("# Manual\n\n## Boiler\n\nIt heats water."))
    assert draft.heading_path == ("Manual", "Boiler")


def test_a_path_goes_on_over_the_end_of_a_page() -> None:
    drafts = chunks(document("# Manual\n\n## Boiler\n\nIt heats.", "It heats water too.", "# Other\n\nEnd."))
    assert [draft.heading_path for draft in drafts] == [("Manual", "Boiler"), ("Manual", "Boiler"), ("Other",)]
    assert [draft.page for draft in drafts] == [1, 2, 3]


def test_small_neighbouring_sections_are_joined_under_what_they_share() -> None:
    text = "# Manual\n\n## Boiler\n\nIt heats.\n\n## Pump\n\nIt pumps."
    (draft,) = chunks(document(text), min_tokens=20)
    assert draft.content == text
    assert draft.heading_path == ("Manual",)
    assert len(chunks(document(text), min_tokens=0)) == 2


def test_a_table_that_fits_stays_whole_and_a_long_one_repeats_its_header() -> None:
    head = "| part | price |\n|---|---|"
    short = f"{head}\n| pump | 40 |"
    assert [draft.content for draft in chunks(document(short))] == [short]
    rows = [f"| part{number} | {number} |" for number in range(30)]
    drafts = chunks(document("\n".join([head, *rows])), max_tokens=40)
    assert len(drafts) > 2
    assert "| part | price |" not in drafts[0].context
    for draft in drafts[1:]:
        assert draft.context.endswith("\n| part | price |")
        assert all(line.count("|") == 3 for line in draft.content.splitlines())


def test_rows_that_name_their_columns_are_whole_and_a_wide_one_goes_on_under_its_first_cell() -> None:
    wide = "| Part: P2 | " + " | ".join(f"Size{number}: {number}" for number in range(20)) + " |"
    text = f"| Part: P1 | Price: 4 |\n{wide}\n| Part: P3 | Price: 5 |\n| Part: P4 | Price: 6 |"
    page = ParsedPage(1, text, (Block(BlockKind.RECORDS, 0, len(text)),))
    drafts = chunks(ParsedDocument((page,)), max_tokens=40, overlap=30)
    assert_nothing_is_lost(ParsedDocument((page,)), drafts, 40)
    assert [draft.context for draft in drafts] == ["Manual", *["Manual\n| Part: P2"] * 2, "Manual"]
    assert all(draft.content.startswith("| Size") for draft in drafts[1:3])
    assert drafts[-1].content == "| Part: P3 | Price: 5 |\n| Part: P4 | Price: 6 |"


async def test_every_chunk_of_a_long_sheet_names_the_columns_of_every_row_with_exact_spans(tmp_path: Path) -> None:
    workbook = Workbook()
    workbook.active.append(["Part", "Price EUR", "Remark"])
    for number in range(200):
        workbook.active.append([f"P{number}", number + 0.5, "Old stock. Ask first." if number % 2 else None])
    workbook.save(tmp_path / "prices.xlsx")
    parsed = await UnstructuredParser(UnstructuredOptions()).parse(tmp_path / "prices.xlsx")
    (page,) = parsed.pages
    drafts = chunks(parsed, max_tokens=100, overlap=20, min_tokens=10)
    assert len(drafts) > 10
    rows = [line for draft in drafts for line in draft.content.splitlines() if line.startswith("|")]
    assert len(rows) == 200, "each row stands in one chunk"
    assert rows[7] == "| Part: P7 | Price EUR: 7.5 | Remark: Old stock. Ask first. |"
    assert all(line.startswith("| Part: P") and " | Price EUR: " in line for line in rows)
    assert all(draft.content == page.text[draft.char_start : draft.char_end] for draft in drafts)
    assert all("\n" not in draft.context for draft in drafts), "no header is repeated beside rows that name themselves"


def test_title_label_and_path_are_context_and_never_said_twice() -> None:
    text = "# Prices\n\nAll in euro."
    page = replace(document(text).pages[0], label="sheet Prices 2026")
    (draft,) = chunks(ParsedDocument((page,)), title="list.xlsx")
    # The heading opens the content itself.
    assert draft.context == "list.xlsx › sheet Prices 2026"
    assert draft.content == text


def test_context_has_a_limit_however_long_names_are() -> None:
    text = "\n\n".join(f"{'#' * level} {'long name ' * 20}{level}" for level in range(1, 7)) + "\n\nWords. " * 60
    for draft in chunks(document(text), title="t" * 500):
        assert len(draft.context) <= MAX_CONTEXT


@pytest.mark.parametrize("text", ["", "   \n\n\t", "\u3000\u00a0"])
def test_a_page_without_visible_text_gives_no_chunk(text: str) -> None:
    assert chunks(document(text)) == []


def test_each_chunk_has_the_language_of_its_own_text() -> None:
    drafts = chunk_document(
        document("# A\n\nenglish words", "# B\n\ndeutsche wörter"),
        token_spans=tokens,
        max_tokens=20,
        overlap=0,
        min_tokens=0,
        title="",
        language_of=lambda text: "de" if "deutsche" in text else "en",
    )
    assert [draft.language for draft in drafts] == ["en", "de"]
