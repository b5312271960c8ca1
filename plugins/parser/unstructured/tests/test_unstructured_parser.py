"""Are office files, web pages and mails read with their structure?"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from docx import Document as WordDocument
from openpyxl import Workbook
from pptx import Presentation
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls
from pptx.util import Inches

from core.errors import DocumentError
from core.types import BlockKind, ParsedDocument, PluginStatus
from plugins.parser.readers.pieces import markdown_table
from plugins.parser.sandbox.pool import ParseLimits, ParserPool
from plugins.parser.unstructured.provider import BY_SUFFIX, UnstructuredOptions, UnstructuredParser

REFERENCE = "plugins.parser.unstructured:UnstructuredParser"
MAIL = """\
From: Maria Weber <maria@alpha.example>
To: Team <team@alpha.example>
Subject: Boiler outage
Date: Mon, 06 Oct 2025 09:15:00 +0200
Content-Type: text/plain; charset=utf-8

The boiler in hall 3 stopped at 07:40.

It was restarted by service at 08:55.
"""
PAGE = """\
<!DOCTYPE html><html><head><title>ignored</title><script>var secret = 1;</script><style>p{color:red}</style></head>
<body><nav>Home</nav><h1>Service desk</h1><p>Call <b>4711</b> for help.</p><h2>Hours</h2>
<ul><li>Monday to Friday</li><li>8 to 17</li></ul>
<table><tr><th>Code</th><th>Meaning</th></tr><tr><td>E-47</td><td>Valve stuck</td></tr></table></body></html>
"""


@pytest.fixture(scope="module", autouse=True)
def imported() -> None:
    """The libraries warn while they are imported; what our code does afterwards must not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import spacy  # noqa: F401
        import unstructured.partition.docx
        import unstructured.partition.email
        import unstructured.partition.html  # noqa: F401


def saved(document: Any) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def word() -> bytes:
    document = WordDocument()
    document.add_heading("Contract", 1)
    document.add_paragraph("The contract runs for three years.")
    document.add_heading("Prices", 2)
    document.add_paragraph("First item", style="List Bullet")
    document.add_paragraph("Second item", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for index, text in enumerate(("Part", "Price | EUR", "Pump", "40")):
        table.cell(index // 2, index % 2).text = text
    document.sections[0].header.paragraphs[0].text = "Confidential header"
    return saved(document)


def slides() -> bytes:
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "Strategy 2026"
    slide.placeholders[1].text = "Grow in service\nKeep prices"
    slide.notes_slide.notes_text_frame.text = "Say it   slowly."
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    slide.shapes.add_textbox(Inches(1), Inches(1), Inches(3), Inches(1)).text_frame.text = "One box"
    table = slide.shapes.add_table(2, 2, Inches(1), Inches(3), Inches(4), Inches(1)).table
    for index, text in enumerate(("Region", "Share", "North", "40 %")):
        table.cell(index // 2, index % 2).text = text
    empty = presentation.slides.add_slide(presentation.slide_layouts[6])
    empty.shapes.add_table(2, 2, Inches(1), Inches(3), Inches(4), Inches(1))
    return saved(presentation)


def workbook() -> bytes:
    made = Workbook()
    sheet = made.active
    sheet.title = "Prices"
    for row in (
        ["Price list 2026"],
        ["Part", "Price", None],
        ["Pump", 40.5, None],
        ["Valve", 1 / 3, None],
        ["All in euro."],
    ):
        sheet.append(row)
    made.create_sheet("Empty")
    other = made.create_sheet("Dates")
    other.append(["Inspected", datetime(2026, 3, 1)])
    return saved(made)


async def parsed(folder: Path, filename: str, content: bytes, **options: object) -> ParsedDocument:
    path = folder / filename
    path.write_bytes(content)
    return await UnstructuredParser(UnstructuredOptions.model_validate(options)).parse(path)


async def refused(folder: Path, filename: str, content: bytes, **options: object) -> str:
    with pytest.raises(DocumentError) as caught:
        await parsed(folder, filename, content, **options)
    assert caught.value.message.endswith(".")
    assert caught.value.next_step.endswith(".")
    return caught.value.failure_code


def blocks(document: ParsedDocument, page: int = 0) -> list[tuple[BlockKind, int, str]]:
    text = document.pages[page].text
    return [(b.kind, b.level, text[b.start : b.end]) for b in document.pages[page].blocks]


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


def _empty_slides() -> bytes:
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    slide.shapes.add_table(2, 2, Inches(1), Inches(3), Inches(4), Inches(1))
    return saved(presentation)


@pytest.mark.parametrize(
    ("filename", "make"),
    [
        ("a.docx", lambda: saved(WordDocument())),
        ("a.pptx", lambda: saved(Presentation())),
        ("b.pptx", _empty_slides),
        ("a.xlsx", lambda: saved(Workbook())),
        ("a.html", lambda: b"<html><body><script>x()</script></body></html>"),
        ("a.eml", lambda: b"MIME-Version: 1.0\nContent-Type: text/plain\n\n\n"),
    ],
)
async def test_a_file_without_words_is_refused(tmp_path: Path, filename: str, make: Callable[[], bytes]) -> None:
    assert await refused(tmp_path, filename, make()) == "no_text"


@pytest.mark.parametrize("filename", ["a.pptx", "a.xlsx"])
async def test_what_is_no_office_file_is_damaged(tmp_path: Path, filename: str) -> None:
    assert await refused(tmp_path, filename, b"just words") == "corrupt"


def cut_inside(content: bytes, part: str) -> bytes:
    """The same archive, with one part of it cut in half."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(buffer, "w") as cut:
        for name in whole.namelist():
            kept = whole.read(name)
            cut.writestr(name, kept[: len(kept) // 2] if name == part else kept)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("filename", "make", "part", "program"),
    [
        ("a.docx", word, "word/document.xml", "Word"),
        ("a.docx", word, "word/_rels/document.xml.rels", "Word"),
        ("a.docx", word, "[Content_Types].xml", "Word"),
        ("a.pptx", slides, "ppt/slides/slide1.xml", "PowerPoint"),
        ("a.xlsx", workbook, "xl/worksheets/sheet1.xml", "Excel"),
    ],
)
async def test_an_office_file_that_is_cut_off_inside_is_damaged_and_names_its_program(
    tmp_path: Path, filename: str, make: Callable[[], bytes], part: str, program: str
) -> None:
    path = tmp_path / filename
    path.write_bytes(cut_inside(make(), part))
    with pytest.raises(DocumentError, match=f"damaged: .* as a {program} file") as caught:
        await UnstructuredParser(UnstructuredOptions()).parse(path)
    assert caught.value.failure_code == "corrupt"
    assert caught.value.next_step == f"Open it in {program}, save it again, and upload that."


async def test_a_slide_that_the_presentation_names_but_lacks_is_damage(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(slides())) as whole, zipfile.ZipFile(buffer, "w") as lacking:
        for name in whole.namelist():
            if name != "ppt/slides/slide1.xml":
                lacking.writestr(name, whole.read(name))
    assert await refused(tmp_path, "a.pptx", buffer.getvalue()) == "corrupt"


@pytest.mark.parametrize("filename", ["a.txt", "a.odg", "document"])
async def test_a_type_it_does_not_know_is_refused(tmp_path: Path, filename: str) -> None:
    assert await refused(tmp_path, filename, b"words") == "unsupported_type"


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


# -- hostile files, through the limited process as in production


def _with_part(content: bytes, name: str, replacement: bytes) -> bytes:
    source, buffer = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in source.namelist():
            archive.writestr(member, replacement if member == name else source.read(member))
    return buffer.getvalue()


def _deep(tag: str, depth: int) -> bytes:
    return b"<?xml version='1.0'?>" + f"<{tag}>".encode() * depth + f"</{tag}>".encode() * depth


def _entities() -> bytes:
    lines = ['<!ENTITY a0 "ha">'] + [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)]
    return f"<?xml version='1.0'?><!DOCTYPE d [{''.join(lines)}]><d>&a9;</d>".encode()


def _outside(path: str) -> bytes:
    return f"<?xml version='1.0'?><!DOCTYPE d [<!ENTITY x SYSTEM 'file://{path}'>]><d>&x;</d>".encode()


def _far_cell() -> bytes:
    """A workbook whose two values stand in the first and the last of 17 billion cells."""
    made = Workbook()
    made.active["A1"], made.active["XFD1048576"] = "first", "last"
    return saved(made)


HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "cut off": (".docx", lambda: word()[:-200]),
    "bomb": (".docx", lambda: _with_part(word(), "word/document.xml", bytes(300_000_000))),
    "deep docx": (".docx", lambda: _with_part(word(), "word/document.xml", _deep("w", 100_000))),
    "deep xlsx": (".xlsx", lambda: _with_part(workbook(), "xl/worksheets/sheet1.xml", _deep("row", 100_000))),
    "far cell": (".xlsx", _far_cell),
    "deep pptx": (".pptx", lambda: _with_part(slides(), "ppt/slides/slide1.xml", _deep("p", 100_000))),
    "entities": (".docx", lambda: _with_part(word(), "word/document.xml", _entities())),
    "reads a file": (".docx", lambda: _with_part(word(), "word/document.xml", _outside("/etc/passwd"))),
    "no part": (".docx", lambda: _with_part(word(), "[Content_Types].xml", b"")),
    "slides named word": (".docx", slides),
    "sheets named slides": (".pptx", workbook),
    "word named sheets": (".xlsx", word),
    "text named word": (".docx", lambda: b"just words"),
    "deep page": (".html", lambda: b"<html><body>" + b"<div>" * 50_000 + b"words" + b"</div>" * 50_000),
    "rubbish in a mail": (".eml", lambda: b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" + bytes(range(256))),
}  # fmt: skip


async def test_a_hostile_file_ends_in_text_or_a_clean_refusal_and_the_next_is_read(tmp_path: Path) -> None:
    outcomes: dict[str, str] = {}
    pool = ParserPool(1, ParseLimits(memory_mb=2048, cpu_s=60, wall_s=120))
    try:
        for name, (suffix, make) in HOSTILE.items():
            path = tmp_path / name.replace(" ", "-")
            path.write_bytes(make())
            try:
                document = await pool.parse(REFERENCE, {}, path, suffix=suffix)
            except DocumentError as error:
                outcomes[name] = error.failure_code
            else:
                outcomes[name] = "read"
                assert "root:" not in document.text
        path = tmp_path / "good"
        path.write_bytes(MAIL.encode())
        assert "Boiler outage" in (await pool.parse(REFERENCE, {}, path, suffix=".eml")).text
    finally:
        await pool.close()
    assert outcomes["bomb"] == "bomb"
    assert outcomes["far cell"] == "too_complex"
    readable = {"rubbish in a mail", "deep pptx", "deep xlsx", "deep page"}
    assert {name for name, outcome in outcomes.items() if outcome == "read"} <= readable


async def test_it_reads_what_it_says_and_is_well() -> None:
    parser = UnstructuredParser(UnstructuredOptions())
    await parser.start()
    assert all(parser.supports_mime_type(mime_type) for mime_type in BY_SUFFIX.values())
    assert not parser.supports_mime_type("application/pdf")
    assert (await parser.health_check()).status is PluginStatus.HEALTHY
    await parser.close()
