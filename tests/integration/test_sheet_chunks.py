"""Do rows of a spreadsheet say their columns in every chunk?"""

from __future__ import annotations

from pathlib import Path

from openpyxl import Workbook

from plugins.parser.unstructured.provider import UnstructuredOptions, UnstructuredParser
from services.chunking import chunk_document


async def test_every_chunk_of_a_long_sheet_names_the_columns_of_every_row_with_exact_spans(tmp_path: Path) -> None:
    workbook = Workbook()
    workbook.active.append(["Part", "Price EUR", "Remark"])
    for number in range(200):
        workbook.active.append([f"P{number}", number + 0.5, "Old stock. Ask first." if number % 2 else None])
    workbook.save(tmp_path / "prices.xlsx")
    document = await UnstructuredParser(UnstructuredOptions()).parse(tmp_path / "prices.xlsx")
    (page,) = document.pages
    drafts = chunk_document(
        document,
        token_spans=lambda text: [(at, at + 1) for at, character in enumerate(text) if not character.isspace()],
        max_tokens=300,
        overlap=60,
        min_tokens=10,
        title="prices.xlsx",
        language_of=lambda _: "en",
    )
    assert len(drafts) > 10
    rows = [line for draft in drafts for line in draft.content.splitlines() if line.startswith("|")]
    assert len(rows) == 200, "each row stands in one chunk"
    assert rows[7] == "| Part: P7 | Price EUR: 7.5 | Remark: Old stock. Ask first. |"
    assert all(line.startswith("| Part: P") and " | Price EUR: " in line for line in rows)
    assert all(draft.content == page.text[draft.char_start : draft.char_end] for draft in drafts)
    assert all("\n" not in draft.context for draft in drafts), "no header is repeated beside rows that name themselves"
