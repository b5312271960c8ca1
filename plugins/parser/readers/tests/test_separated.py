"""Which rows stand between separators?"""

from __future__ import annotations

from pathlib import Path

import pytest

from core.types import BlockKind
from plugins.parser.readers.tests.reading import blocks, failure, parsed
from tests.fixtures.office import odt, old_workbook


async def test_rows_beyond_the_limit_are_refused_in_every_kind_of_table(tmp_path: Path) -> None:
    rows = [["a", "b"]] * 6
    cells = "<table:table-cell><text:p>a</text:p></table:table-cell>" * 2
    for suffix, content in {
        ".xls": old_workbook({"S": rows}),
        ".csv": b"a,b\n" * 6,
        ".tsv": b"a\tb\n" * 6,
        ".odt": odt(f"<table:table>{f'<table:table-row>{cells}</table:table-row>' * 6}</table:table>"),
    }.items():
        assert (await failure(tmp_path, suffix, content, max_cells=11)).failure_code == "too_complex"
        assert (await parsed(tmp_path, suffix, content, max_cells=12)).text


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".csv", 'Part,Price\n"Pump, large",40\n'),
        (".csv", 'Part;Price\n"Pump, large";40\n'),
        (".csv", "Part|Price\r\nPump, large|40\r\n"),
        (".csv", "Part\tPrice\nPump, large\t40\n"),
        (".tsv", 'Part\tPrice\n"Pump,\nlarge"\t40\n'),
    ],
)
async def test_rows_between_separators_are_a_table(tmp_path: Path, suffix: str, content: str) -> None:
    document = await parsed(tmp_path, suffix, content.encode())
    assert blocks(document) == [(BlockKind.RECORDS, 0, "| Part: Pump, large | Price: 40 |")]


async def test_a_title_above_the_rows_is_no_row(tmp_path: Path) -> None:
    document = await parsed(tmp_path, ".csv", b"Prices of 2026,\n\nPart,Price\nPump,40\n,50\n")
    assert blocks(document) == [
        (BlockKind.TEXT, 0, "Prices of 2026"),
        (BlockKind.RECORDS, 0, "| Part: Pump | Price: 40 |\n| Price: 50 |"),
    ]


async def test_lines_without_separators_are_lines(tmp_path: Path) -> None:
    assert blocks(await parsed(tmp_path, ".csv", "Köln\nBonn\n".encode("utf-16"))) == [
        (BlockKind.TEXT, 0, "Köln\nBonn")
    ]
