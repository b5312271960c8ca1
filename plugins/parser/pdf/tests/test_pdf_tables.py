"""Does a table on a page come out as rows of cells, with each character where it stands?"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pypdfium2
import pytest
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table, TableStyle
from reportlab.platypus.flowables import Flowable

from core.types import BlockKind, ParsedPage
from plugins.parser.pdf.pages import page_boxes
from plugins.parser.pdf.provider import PdfOptions, PdfParser
from plugins.parser.pdf.text_map import OURS, read

BODY = getSampleStyleSheet()["BodyText"]
ROWS = (("Part", "Price", "Stock"), ("Oil filter", "74.20 EUR", "212"), ("Oil pump", "1,985.00 EUR", "2"))
LONG = "Refrigerant in the machine room, measured above one hundred and fifty parts in a million"


def write(folder: Path, story: Sequence[Flowable]) -> Path:
    buffer = io.BytesIO()
    SimpleDocTemplate(buffer, invariant=1).build(list(story))
    path = folder / "page.pdf"
    path.write_bytes(buffer.getvalue())
    return path


def table(rows: Sequence[Sequence[str]], widths: Sequence[int]) -> Table:
    drawn = Table([[Paragraph(cell, BODY) for cell in row] for row in rows], colWidths=widths)
    drawn.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP")]))
    return drawn


async def parsed(path: Path) -> ParsedPage:
    return (await PdfParser(PdfOptions()).parse(path)).pages[0]


async def test_rows_become_cells_and_the_block_is_a_table(tmp_path: Path) -> None:
    page = await parsed(write(tmp_path, [Paragraph("Our parts.", BODY), table(ROWS, (120, 120, 80))]))
    assert page.text.splitlines() == [
        "Our parts.",
        "| Part | Price | Stock |",
        "|---|---|---|",
        "| Oil filter | 74.20 EUR | 212 |",
        "| Oil pump | 1,985.00 EUR | 2 |",
    ]
    (block,) = (block for block in page.blocks if block.kind is BlockKind.TABLE)
    assert page.text[block.start : block.end].startswith("| Part")
    assert page.text[block.start : block.end].endswith("| 2 |")


async def test_marks_under_upright_names_stand_in_the_columns_of_these_names(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "page.pdf"), invariant=1)
    canvas.setFont("Helvetica", 9)
    names = ("Reading", "Writing rights", "Deleting", "Starting")
    for column, name in enumerate(names):
        canvas.saveState()
        canvas.translate(300 + 30 * column, 700)
        canvas.rotate(90)
        canvas.drawString(0, 0, name)
        canvas.restoreState()
    for line, (who, marks) in enumerate(
        (("Guests", (0, 2)), ("Members of the team", (0, 2, 3)), ("Operators", (0, 2, 3)))
    ):
        canvas.drawString(72, 680 - 20 * line, who)
        for mark in marks:
            canvas.drawString(294 + 30 * mark, 680 - 20 * line, "X")
    for line in range(20):
        canvas.drawString(
            72, 500 - 12 * line, "Whoever needs more rights than these asks the owner of the system for them."
        )
    canvas.save()
    assert (await parsed(tmp_path / "page.pdf")).text.splitlines()[:5] == [
        "|  | Reading | Writing rights | Deleting | Starting |",
        "|---|---|---|---|---|",
        "| Guests | X |  | X |  |",
        "| Members of the team | X |  | X | X |",
        "| Operators | X |  | X | X |",
    ]


async def test_marks_far_apart_are_cells_although_no_blank_stands_between_them(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "page.pdf"), invariant=1)
    for line, (who, marks) in enumerate((("Guests", "XO"), ("Members of the team", "OX"), ("Operators", "XX"))):
        canvas.drawString(72, 680 - 20 * line, who)
        canvas.drawString(300, 680 - 20 * line, marks, charSpace=40)
    canvas.save()
    assert (await parsed(tmp_path / "page.pdf")).text.splitlines() == [
        "| Guests | X | O |",
        "|---|---|---|",
        "| Members of the team | O | X |",
        "| Operators | X | X |",
    ]


async def test_a_cell_of_several_lines_stays_one_cell(tmp_path: Path) -> None:
    rows = (("Code", "Meaning", "Restart"), ("E-402", LONG, "by Service"), ("E-305", "No flow", "automatic"))
    page = await parsed(write(tmp_path, [table(rows, (60, 140, 100))]))
    assert f"| E-402 | {LONG} | by Service |" in page.text
    assert "| E-305 | No flow | automatic |" in page.text


async def test_numbers_set_flush_right_and_the_heads_over_them_become_columns(tmp_path: Path) -> None:
    rows = (
        ("", "2023", "2022"), ("Revenue", "$ 16,388", "$ 9,573"), ("Cost of revenue", "165", "1,865"),
        ("Gross profit", "16,223", "7,708"), ("Tax", "(12)", "(1,084)"), ("Net income", "$ 4", "$ 4,822"),
    )  # fmt: skip
    drawn = Table(rows, colWidths=(200, 90, 90))
    drawn.setStyle(TableStyle([("ALIGN", (1, 0), (-1, -1), "RIGHT"), ("BOTTOMPADDING", (0, 0), (-1, -1), 0)]))
    page = await parsed(write(tmp_path, [Paragraph("Our year.", BODY), drawn, Paragraph("See the notes.", BODY)]))
    assert page.text.splitlines() == [
        "Our year.",
        "|  | 2023 | 2022 |",
        "|---|---|---|",
        *(f"| {label} | {this} | {last} |" for label, this, last in rows[1:]),
        "See the notes.",
    ]


@pytest.mark.parametrize("align", ["TOP", "MIDDLE", "BOTTOM"])
async def test_cells_of_several_lines_stay_whole_wherever_the_short_ones_stand(tmp_path: Path, align: str) -> None:
    rows = (("Code", "Meaning", "Restart"), ("E-402", LONG, "by Service"), ("E-305", LONG[:60], "automatic"))
    drawn = table(rows, (60, 140, 100))
    drawn.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), align)]))
    page = await parsed(write(tmp_path, [drawn]))
    assert f"| E-402 | {LONG} | by Service |" in page.text
    assert f"| E-305 | {LONG[:60].strip()} | automatic |" in page.text


@pytest.mark.parametrize(
    "lines",
    [
        ["1 Switch the heater on.", "2 Check the rotation field.", "3 Enter the code.", "4 Let it run for four hours."],
        ["A sentence that goes on for a while until the line is full and has to be broken somewhere near its end."] * 4,
    ],
    ids=["numbered", "prose"],
)
async def test_lists_and_prose_are_no_tables(tmp_path: Path, lines: list[str]) -> None:
    page = await parsed(write(tmp_path, [Paragraph(line, BODY) for line in lines]))
    assert "|" not in page.text


async def test_numbers_before_lines_are_no_first_column(tmp_path: Path) -> None:
    rows = [(str(number), f"Step {number} of the commissioning") for number in range(1, 6)]
    page = await parsed(write(tmp_path, [table(rows, (40, 300))]))
    assert "|" not in page.text


async def test_a_cell_is_highlighted_where_it_stands(tmp_path: Path) -> None:
    path = write(tmp_path, [table(ROWS, (120, 120, 80))])
    text = (await parsed(path)).text
    start = text.index("1,985.00 EUR")
    (price,) = page_boxes(path, 1, start, start + len("1,985.00 EUR"))
    (name,) = page_boxes(path, 1, text.index("Oil pump"), text.index("Oil pump") + len("Oil pump"))
    assert name.right < price.left
    assert abs(name.top - price.top) < 0.01
    # The bars between cells are ours: a whole row is marked cell by cell, and nothing else is.
    row = page_boxes(path, 1, text.index("| Oil pump"), len(text))
    assert len(row) == 3


async def test_no_character_of_the_page_is_lost_or_doubled(tmp_path: Path) -> None:
    path = write(tmp_path, [Paragraph(LONG, BODY), table(ROWS, (120, 120, 80)), Paragraph("The end.", BODY)])
    document = pypdfium2.PdfDocument(path)
    textpage = document[0].get_textpage()
    page = read(textpage)
    raw = textpage.get_text_range()
    textpage.close()
    document.close()
    ours = "".join(c for c, position in zip(page.text, page.positions, strict=True) if position == OURS)
    theirs = [position for position in page.positions if position != OURS]
    assert set(ours) <= set("| -\n")
    assert len(theirs) == len(set(theirs))
    kept = "".join(c for c, position in zip(page.text, page.positions, strict=True) if position != OURS)
    assert sorted("".join(kept.split())) == sorted("".join(raw.split()))
