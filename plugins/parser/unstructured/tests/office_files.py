"""Which office files, pages and mails do the tests of this parser read, and how?"""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from docx import Document as WordDocument
from openpyxl import Workbook
from pptx import Presentation
from pptx.util import Inches

from core.errors import DocumentError
from core.types import BlockKind, ParsedDocument
from plugins.parser.unstructured.provider import UnstructuredOptions, UnstructuredParser

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
