"""Does an outline have each section with a sentence of its own, and do the best sentences speak of the thing?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.types import Candidate
from graph.outlines import outline, speaking_of
from tests.unit.graph.conftest import chunk

POLICY = """# Travel policy

**Document FIN-014** | Version 3 | Owner: Finance

This policy governs all business trips.

## 1. Trains

### 1.1 Class

Second class is booked for each trip. First class is allowed from three hours on.

## 2. Hotels

| City | Limit |
|---|---|
| Berlin | 120 EUR |
| Paris and all other capitals of Europe | 150 EUR |

## 3. Empty
"""
MANUAL = """Boiler manual
Edition 7 of May 2025. It is a translation of the German edition.
1 Safety
The relief valve of the boiler opens at 6 bar.
2 Commissioning
1 Switch on the crankcase heater 24 hours before the first start.
2 Check the rotation field.
"""


def test_each_section_has_its_first_sentence() -> None:
    found = outline([chunk(POLICY)], limit=12)
    assert [(line.heading, line.quote) for line in found.lines] == [
        ("Travel policy", "This policy governs all business trips."),
        ("1.1 Class", "Second class is booked for each trip."),
        ("2. Hotels", "City: Berlin · Limit: 120 EUR"),
    ]
    assert found.left_out == 0


def test_headings_without_a_mark_are_told_by_being_short_and_no_sentence() -> None:
    found = outline([chunk(MANUAL, filename="boiler.pdf")], limit=12)
    assert [line.heading for line in found.lines] == ["Boiler manual", "1 Safety", "2 Commissioning"]


@pytest.mark.parametrize("content", [POLICY, MANUAL])
def test_what_is_quoted_stands_there(content: str) -> None:
    for line in outline([chunk(content)], limit=12).lines:
        assert content[line.source.char_start : line.source.char_end] == line.source.content


def test_of_a_long_document_only_the_higher_sections_are_shown() -> None:
    text = "".join(
        f"## {part} Part\n\nThis is what part {part} is about.\n\n"
        + "".join(f"### {part}.{n} Detail\n\nThis is detail number {n} of it.\n\n" for n in range(5))
        for part in range(1, 5)
    )
    found = outline([chunk(text)], limit=12)
    assert [line.heading for line in found.lines] == ["1 Part", "2 Part", "3 Part", "4 Part"]


def test_sections_beyond_the_limit_are_counted() -> None:
    text = "".join(f"# Chapter {n}\n\nChapter number {n} begins here.\n\n" for n in range(30))
    found = outline([chunk(text)], limit=12)
    assert (len(found.lines), found.left_out) == (12, 18)


def test_overlapping_chunks_say_nothing_twice() -> None:
    first, second = MANUAL.index("1 Safety"), MANUAL.index("2 Commissioning")
    chunks = [chunk(MANUAL[:second]), chunk(MANUAL[first:], char_start=first)]
    assert [line.heading for line in outline(chunks, limit=12).lines] == [
        "Boiler manual",
        "1 Safety",
        "2 Commissioning",
    ]


def test_without_any_sentence_there_is_no_outline() -> None:
    assert outline([chunk("# Title\n\n---\n")], limit=12).lines == ()
    assert outline([], limit=12).lines == ()


def test_the_rows_and_sentences_that_speak_of_a_thing() -> None:
    levels = (
        "| Level | Fee | Visits |\n|---|---|---|\n| Basic | EUR 2,900 | 1 |\n| Plus | EUR 7,400 | 2 |\n\nFees are due."
    )
    passage = replace(chunk(levels, context="careplus-contract"), heading_path=("CarePlus",))
    found = speaking_of("CarePlus Basic", [Candidate(passage, 1.0)], {}, limit=3)
    assert [line.quote for line in found] == ["Level: Basic · Fee: EUR 2,900 · Visits: 1"]
    assert speaking_of("Quantum Gold", [Candidate(passage, 1.0)], {}, limit=3) == []
