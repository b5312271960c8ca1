"""How are the sheets of a workbook read?

Through ``python-calamine``. Values are those that were last saved, also of formulas; one that failed (#DIV/0!) has
none. Hidden sheets, rows and columns are read like the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from core.types import BlockKind, ParsedDocument
from plugins.parser.readers.pieces import Piece, assemble, corrupt, encrypted
from plugins.parser.readers.sheets.budget import Budget
from plugins.parser.readers.sheets.regions import region_pieces

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

RUST = "pyo3_runtime"
EXACT = 2**53
"""Whole numbers below it lose nothing as a ``float``, which is what workbooks hold."""


def workbook(file_path: Path, max_cells: int) -> ParsedDocument:
    """One page a sheet of an xlsx or xls file, told apart by suffix.

    Raises:
        DocumentError: It is damaged, has a password, or has more cells than may be.
    """
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    budget = Budget(max_cells)
    try:
        with CalamineWorkbook.from_path(file_path) as opened:
            pages = [
                assemble(number, sheet_pieces(sheet.name, _shown(sheet, budget)), f"sheet {sheet.name}")
                for number, sheet in enumerate(_sheets(opened), start=1)
            ]
    except PasswordError as error:
        raise encrypted() from error
    except CalamineError as error:
        raise corrupt("Excel") from error
    except BaseException as error:
        # What Rust calls a panic, over parts that are cut off; it is no Exception and would end the whole process.
        if type(error).__module__ != RUST:
            raise
        raise corrupt("Excel") from error
    return ParsedDocument(tuple(pages))


def _sheets(opened: CalamineWorkbook) -> Iterator[CalamineSheet]:
    return map(opened.get_sheet_by_index, range(len(opened.sheet_names)))


def _shown(sheet: CalamineSheet, budget: Budget) -> Iterator[list[str]]:
    budget.spend(sheet.height * sheet.width)
    return ([_cell(value) for value in row] for row in sheet.iter_rows())


def sheet_pieces(title: str, rows: Iterable[list[str]]) -> list[Piece]:
    """The regions of a sheet under its name; the name alone is not yet text."""
    regions = region_pieces(rows)
    return [(BlockKind.HEADING, 1, title), *regions] if regions else []


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < EXACT else f"{value:.10g}"
    return " ".join(str(value).split())
