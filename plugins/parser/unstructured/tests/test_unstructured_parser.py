"""Are office files, web pages and mails read with their structure?"""

from __future__ import annotations

from pathlib import Path

import pytest
from pptx import Presentation
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls
from pptx.util import Inches

from core.types import BlockKind, PluginStatus
from plugins.parser.readers.pieces import markdown_table
from plugins.parser.unstructured.provider import BY_SUFFIX, UnstructuredOptions, UnstructuredParser
from plugins.parser.unstructured.tests.office_files import (
    MAIL,
    PAGE,
    blocks,
    parsed,
    refused,
    saved,
    slides,
    word,
    workbook,
)


async def test_a_word_file_keeps_headings_lists_and_tables(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "contract.docx", word())
    assert not document.paged
    found = blocks(document)
    assert (BlockKind.HEADING, 1, "Contract") in found
    assert (BlockKind.TEXT, 0, "The contract runs for three years.") in found
    assert (BlockKind.HEADING, 2, "Prices") in found
    assert (BlockKind.LIST, 0, "- First item") in found
    assert (BlockKind.TABLE, 0, "| Part | Price / EUR |\n|---|---|\n| Pump | 40 |") in found
    assert "Confidential header" not in document.text


async def test_a_web_page_keeps_what_is_read_and_drops_what_runs(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "faq.html", PAGE.encode())
    found = blocks(document)
    assert (BlockKind.HEADING, 1, "Service desk") in found
    assert (BlockKind.HEADING, 2, "Hours") in found
    assert (BlockKind.LIST, 0, "- Monday to Friday") in found
    assert "4711" in document.text
    assert any(kind is BlockKind.TABLE and "| E-47 | Valve stuck |" in text for kind, _, text in found)
    assert "secret" not in document.text
    assert "color" not in document.text


async def test_a_mail_keeps_who_wrote_when_about_what(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "outage.eml", MAIL.encode())
    found = blocks(document)
    assert found[0] == (BlockKind.HEADING, 1, "Boiler outage")
    assert found[1][2].splitlines()[0] == "From: Maria Weber <maria@alpha.example>"
    assert "Date: Mon, 06 Oct 2025 09:15:00 +0200" in found[1][2]
    assert "stopped at 07:40" in document.text
    assert "restarted by service" in document.text


async def test_a_mail_without_a_head_is_its_text(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "a.eml", b"MIME-Version: 1.0\nContent-Type: text/plain\n\nOnly words.\n")
    assert document.text == "Only words."


async def test_slides_keep_title_points_tables_and_notes(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "strategy.pptx", slides())
    assert document.paged
    assert [(page.number, page.label) for page in document.pages] == [(1, "slide 1"), (2, "slide 2"), (3, "slide 3")]
    assert blocks(document) == [
        (BlockKind.HEADING, 1, "Strategy 2026"),
        (BlockKind.LIST, 0, "- Grow in service\n- Keep prices"),
        (BlockKind.TEXT, 0, "Notes: Say it slowly."),
    ]
    assert blocks(document, 1) == [
        (BlockKind.LIST, 0, "One box"),
        (BlockKind.TABLE, 0, "| Region | Share |\n|---|---|\n| North | 40 % |"),
    ]
    assert document.pages[2].text == ""


async def test_shapes_in_groups_are_read_in_their_place_and_counted_points_keep_their_numbers(tmp_path: Path) -> None:
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    size = (Inches(1), Inches(1), Inches(2), Inches(1))
    group = slide.shapes.add_group_shape()
    group.shapes.add_group_shape().shapes.add_textbox(*size).text_frame.text = "In two groups"
    group.shapes.add_textbox(*size).text_frame.text = "In one"
    frame = slide.shapes.add_textbox(*size).text_frame
    for line, (text, level, counted) in enumerate(
        (("Close", 0, "4"), ("the valve", 1, ""), ("Open", 0, "4"), ("Left", 1, "1"), ("Wait", 0, "4"), ("Note", 0, ""))
    ):
        paragraph = frame.paragraphs[0] if line == 0 else frame.add_paragraph()
        paragraph.text, paragraph.level = text, level
        if counted:
            paragraph._p.get_or_add_pPr().append(parse_xml(f'<a:buAutoNum {nsdecls("a")} startAt="{counted}"/>'))
    document = await parsed(tmp_path, "groups.pptx", saved(presentation))
    assert document.text.splitlines() == [
        *("In two groups", "In one", "4. Close", "- the valve", "5. Open", "1. Left", "6. Wait", "- Note")
    ]


async def test_sheets_keep_names_tables_and_the_notes_around_them(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "prices.xlsx", workbook())
    assert [(page.number, page.label) for page in document.pages] == [
        (1, "sheet Prices"),
        (2, "sheet Empty"),
        (3, "sheet Dates"),
    ]
    assert blocks(document) == [
        (BlockKind.HEADING, 1, "Prices"),
        (BlockKind.TABLE, 0, "Price list 2026"),
        (BlockKind.RECORDS, 0, "| Part: Pump | Price: 40.5 |\n| Part: Valve | Price: 0.3333333333 |"),
        (BlockKind.TABLE, 0, "All in euro."),
    ]
    assert document.pages[1].text == ""
    assert "2026-03-01" in document.pages[2].text
    assert "00:00" not in document.pages[2].text


async def test_a_workbook_of_too_many_cells_is_refused(tmp_path: Path) -> None:
    assert await refused(tmp_path, "prices.xlsx", workbook(), max_cells=5) == "too_complex"


async def test_blocks_cover_the_text_of_every_page_in_order(tmp_path: Path) -> None:
    for filename, content in (
        ("a.docx", word()),
        ("a.pptx", slides()),
        ("a.xlsx", workbook()),
        ("a.html", PAGE.encode()),
        ("a.eml", MAIL.encode()),
    ):
        for page in (await parsed(tmp_path, filename, content)).pages:
            position = 0
            for block in page.blocks:
                assert position <= block.start < block.end
                assert not page.text[position : block.start].strip()
                position = block.end
            assert not page.text[position:].strip()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], ""),
        ([["", ""], ["", ""]], ""),
        ([["a"], ["b"]], "a\nb"),
        ([["a", "", "b"], ["1", "", "2"]], "| a | b |\n|---|---|\n| 1 | 2 |"),
        ([["a", "b"], ["1"]], "| a | b |\n|---|---|\n| 1 |  |"),
        ([["a|b", "c"]], "| a/b | c |\n|---|---|"),
    ],
)
def test_a_table_has_no_empty_columns_and_no_broken_rows(rows: list[list[str]], expected: str) -> None:
    assert markdown_table(rows) == expected


async def test_it_reads_what_it_says_and_is_well() -> None:
    parser = UnstructuredParser(UnstructuredOptions())
    await parser.start()
    assert all(parser.supports_mime_type(mime_type) for mime_type in BY_SUFFIX.values())
    assert not parser.supports_mime_type("application/pdf")
    assert (await parser.health_check()).status is PluginStatus.HEALTHY
    await parser.close()
