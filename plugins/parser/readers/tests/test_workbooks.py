"""What do the cells of a workbook say once they were read?"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.chart import BarChart, Reference
from xlwt import Formula, easyxf
from xlwt import Workbook as OldWorkbook

from core.errors import DocumentError
from core.types import ParsedDocument
from plugins.parser.readers.sheets.workbooks import workbook
from tests.fixtures.office import old_workbook

ARTICLE = 4006381333931
"""Such numbers have thirteen digits, more than are shown of a fraction."""


def read(made: Workbook | OldWorkbook, folder: Path) -> ParsedDocument:
    path = folder / ("made.xlsx" if isinstance(made, Workbook) else "made.xls")
    made.save(str(path))
    return workbook(path, max_cells=100_000)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (ARTICLE, "4006381333931"),
        (-0.1, "-0.1"),
        (0.1 + 0.2, "0.3"),
        (1 / 3, "0.3333333333"),
        (5e300, "5e+300"),
        (True, "True"),
        (date(2026, 3, 1), "2026-03-01"),
        (datetime(2026, 3, 1, 12, 30), "2026-03-01 12:30:00"),
        (time(12, 30), "12:30:00"),
        (timedelta(hours=30), "1 day, 6:00:00"),
        ("two\nlines  and blanks", "two lines and blanks"),
        (CellRichText("partly ", TextBlock(InlineFont(b=True), "bold")), "partly bold"),
    ],
)
def test_a_value_is_shown_as_its_program_would(value: object, shown: str, tmp_path: Path) -> None:
    made = Workbook()
    made.active["A1"] = value
    assert read(made, tmp_path).pages[0].text.splitlines()[-1] == shown


@pytest.mark.parametrize(
    ("value", "number_format", "shown"),
    [
        (ARTICLE, "0", "4006381333931"),
        (datetime(2026, 3, 1), "YYYY-MM-DD", "2026-03-01"),
        (datetime(2026, 3, 1, 12, 30), "YYYY-MM-DD HH:MM", "2026-03-01 12:30:00"),
        (True, "General", "True"),
    ],
)
def test_a_value_of_an_old_file_is_shown_alike(value: object, number_format: str, shown: str, tmp_path: Path) -> None:
    made = OldWorkbook()
    made.add_sheet("S").write(0, 0, value, easyxf(num_format_str=number_format))
    assert read(made, tmp_path).pages[0].text.splitlines()[-1] == shown


def test_what_is_hidden_in_the_program_is_read(tmp_path: Path) -> None:
    made = Workbook()
    made.active["A1"], made.active["B2"] = "in a hidden row", "in a hidden column"
    made.active.row_dimensions[1].hidden = made.active.column_dimensions["B"].hidden = True
    sheet = made.create_sheet("Kept back")
    sheet.sheet_state, sheet["C3"] = "hidden", "on a hidden sheet"
    text = read(made, tmp_path).text
    assert all(f"in a hidden {place}" in text for place in ("row", "column"))
    assert "on a hidden sheet" in text


def test_a_merged_cell_says_its_words_once(tmp_path: Path) -> None:
    made = Workbook()
    for row in (["Prices of 2026", None, None], ["Part", "Price", "Stock"], ["Pump", 40.5, 3]):
        made.active.append(row)
    made.active.merge_cells("A1:C1")
    assert read(made, tmp_path).text.splitlines()[-1] == "| Part: Pump | Price: 40.5 | Stock: 3 |"
    assert read(made, tmp_path).text.count("Prices of 2026") == 1


def test_a_sheet_that_is_a_chart_has_no_words_and_keeps_its_number(tmp_path: Path) -> None:
    made = Workbook()
    made.active.append([1, 2])
    chart = BarChart()
    chart.add_data(Reference(made.active, min_col=1, max_col=2, min_row=1))
    made.create_chartsheet("Chart").add_chart(chart)
    made.create_sheet("After")["A1"] = "words"
    pages = read(made, tmp_path).pages
    assert [(page.number, page.label, bool(page.text)) for page in pages] == [
        *((1, "sheet Sheet", True), (2, "sheet Chart", False), (3, "sheet After", True))
    ]


def test_a_formula_that_nobody_computed_leaves_its_cell_empty(tmp_path: Path) -> None:
    made = OldWorkbook()
    sheet = made.add_sheet("S")
    sheet.write(0, 0, "Total")
    sheet.write(0, 1, Formula("1/0"))
    assert read(made, tmp_path).pages[0].text.splitlines()[-1] == "Total"


@pytest.mark.parametrize("share", [0.3, 0.95, 0.98])
def test_an_old_file_that_was_cut_off_is_damaged_and_ends_no_process(share: float, tmp_path: Path) -> None:
    content = old_workbook({"S": [["words", n] for n in range(300)]})
    path = tmp_path / "cut.xls"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DocumentError) as caught:
        workbook(path, 100_000)
    assert caught.value.failure_code == "corrupt"
