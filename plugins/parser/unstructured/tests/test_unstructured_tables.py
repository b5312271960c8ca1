"""Does each row of a table stand for itself, and is its caption read?"""

from __future__ import annotations

from pathlib import Path

from docx import Document
from pptx import Presentation
from pptx.util import Inches

from core.types import BlockKind
from plugins.parser.unstructured.provider import UnstructuredOptions, UnstructuredParser


async def test_a_merged_cell_of_a_slide_says_its_text_in_every_row_and_column(tmp_path: Path) -> None:
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    table = slide.shapes.add_table(3, 3, Inches(1), Inches(1), Inches(6), Inches(2)).table
    for row, words in enumerate((("Pump", "Price", ""), ("P1", "10", "12"), ("", "14", "16"))):
        for column, word in enumerate(words):
            table.cell(row, column).text = word
    table.cell(0, 1).merge(table.cell(0, 2))
    table.cell(1, 0).merge(table.cell(2, 0))
    path = tmp_path / "slides.pptx"
    presentation.save(str(path))
    document = await UnstructuredParser(UnstructuredOptions()).parse(path)
    assert document.text.splitlines() == [
        "| Pump | Price | Price |",
        "|---|---|---|",
        "| P1 | 10 | 12 |",
        "| P1 | 14 | 16 |",
    ]


async def test_a_merged_cell_of_a_word_table_says_its_text_in_every_row_and_column(tmp_path: Path) -> None:
    document = Document()
    table = document.add_table(4, 3)
    words = (("Pump", "Price", ""), ("P1", "10", "12"), ("", "14", "16"), ("P2", "18", "20"))
    for row, texts in enumerate(words):
        for column, word in enumerate(texts):
            table.cell(row, column).text = word
    table.cell(0, 1).merge(table.cell(0, 2))
    table.cell(1, 0).merge(table.cell(2, 0))
    path = tmp_path / "table.docx"
    document.save(str(path))
    parsed = await UnstructuredParser(UnstructuredOptions()).parse(path)
    assert parsed.text.splitlines() == [
        "| Pump | Price | Price |",
        "|---|---|---|",
        "| P1 | 10 | 12 |",
        "| P1 | 14 | 16 |",
        "| P2 | 18 | 20 |",
    ]


async def test_the_caption_of_a_web_page_s_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    rows = "<tr><th>Part</th><th>Price</th></tr><tr><td>Pump</td><td>4</td></tr>"
    path.write_text(f"<html><body><table><caption>Prices of 2024</caption>{rows}</table></body></html>")
    (page,) = (await UnstructuredParser(UnstructuredOptions()).parse(path)).pages
    assert [(block.kind, page.text[block.start : block.end].splitlines()[0]) for block in page.blocks] == [
        (BlockKind.TEXT, "Prices of 2024"),
        (BlockKind.TABLE, "| Part | Price |"),
    ]
