"""How are the sheets of a workbook and rows between separators read?"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from core.errors import DocumentError
from core.types import BlockKind, ParsedDocument
from plugins.parser.readers.pieces import Piece, assemble, corrupt, encrypted, squeezed
from plugins.parser.readers.sheets.regions import one_table, region_pieces
from plugins.parser.text.provider import decode

SAMPLE = 20_000
"""Characters from which the separator is told."""
SEPARATORS = ",;\t|"
LONGEST_CELL = 10_000_000


class _Budget:
    """Cells that may still be read."""

    def __init__(self, cells: int) -> None:
        self._most = self._left = cells

    def spend(self, cells: int) -> None:
        """Raises: DocumentError: There are more than may be."""
        self._left -= cells
        if self._left < 0:
            raise DocumentError(
                f"The workbook has more than {self._most:,} cells.",
                failure_code="too_complex",
                next_step="Split it, or upload only the sheets that matter.",
            )


def new_workbook(file_path: Path, max_cells: int) -> ParsedDocument:
    """One page a sheet of an xlsx file; the values of formulas as they were saved."""
    from openpyxl import load_workbook

    # Rows that were not read to their end would keep the file open beyond the workbook.
    with file_path.open("rb") as file:
        try:
            workbook = load_workbook(file, read_only=True, data_only=True)
        except MemoryError:
            raise
        except Exception as error:
            raise corrupt("Excel") from error
        try:
            sheets = ((sheet.title, sheet.iter_rows(values_only=True)) for sheet in workbook.worksheets)
            return _pages(sheets, _Budget(max_cells))
        finally:
            workbook.close()


def old_workbook(file_path: Path, max_cells: int) -> ParsedDocument:
    """The same of an xls file."""
    import xlrd

    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        try:
            workbook = xlrd.open_workbook(str(file_path), logfile=nowhere, on_demand=True, ragged_rows=True)
        except MemoryError:
            raise
        except Exception as error:
            raise (encrypted() if "encrypted" in str(error) else corrupt("Excel")) from error
        try:
            return _pages(_old_sheets(workbook), _Budget(max_cells))
        finally:
            workbook.release_resources()


def _old_sheets(workbook: Any) -> Iterator[tuple[str, Iterable[Sequence[object]]]]:
    for number, name in enumerate(workbook.sheet_names()):
        try:
            sheet = workbook.sheet_by_index(number)
        except MemoryError:
            raise
        except Exception as error:
            raise corrupt("Excel") from error
        yield name, ([_old_value(cell, workbook.datemode) for cell in row] for row in sheet.get_rows())
        workbook.unload_sheet(number)


def _old_value(cell: Any, date_mode: int) -> object:
    import xlrd

    if cell.ctype == xlrd.XL_CELL_DATE:
        try:
            return xlrd.xldate_as_datetime(cell.value, date_mode)
        except (ValueError, OverflowError):
            return cell.value
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return bool(cell.value)
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return xlrd.error_text_from_code.get(cell.value, "#ERROR!")
    return cell.value


def _pages(sheets: Iterable[tuple[str, Iterable[Sequence[object]]]], budget: _Budget) -> ParsedDocument:
    pages = []
    for number, (title, rows) in enumerate(sheets, start=1):
        pages.append(assemble(number, sheet_pieces(title, _shown(rows, budget)), f"sheet {title}"))
    return ParsedDocument(tuple(pages))


def _shown(rows: Iterable[Sequence[object]], budget: _Budget) -> Iterator[list[str]]:
    for row in rows:
        budget.spend(len(row))
        yield [_cell(value) for value in row]


def sheet_pieces(title: str, rows: Iterable[list[str]]) -> list[Piece]:
    """The regions of a sheet under its name; the name alone is not yet text."""
    regions = region_pieces(rows)
    return [(BlockKind.HEADING, 1, title), *regions] if regions else []


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.10g}"
    text = " ".join(str(value).split())
    return text.removesuffix(" 00:00:00")


def separated(file_path: Path, separator: str, max_cells: int) -> ParsedDocument:
    """A csv or tsv file as one table under its title lines; an empty ``separator`` is told from the first lines."""
    text = decode(file_path.read_bytes())
    csv.field_size_limit(LONGEST_CELL)
    budget, rows = _Budget(max_cells), []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator or _separator(text[:SAMPLE])):
            budget.spend(len(row))
            if any(shown := [squeezed(cell) for cell in row]):
                rows.append(shown)
    except csv.Error as error:
        raise corrupt("CSV") from error
    return ParsedDocument((assemble(1, _lines_and_table(rows)),), paged=False)


def _lines_and_table(rows: Sequence[list[str]]) -> list[Piece]:
    """Lines with one cell at the beginning, such as a title, and all that follows as one table."""
    lines = [cell for row in takewhile(lambda row: sum(map(bool, row)) == 1, rows) for cell in row if cell]
    pieces: list[Piece] = [(BlockKind.TEXT, 0, "\n".join(lines))] if lines else []
    return [*pieces, one_table(rows[len(lines) :])] if len(rows) > len(lines) else pieces


def _separator(sample: str) -> str:
    """The one that divides the first lines into most columns, the same number in each."""
    lines = [line for line in sample.splitlines()[:50] if line.strip()]
    counts = {mark: [line.count(mark) for line in lines] for mark in SEPARATORS}
    even = [mark for mark, count in counts.items() if count and min(count) == max(count) > 0]
    if even:
        return max(even, key=lambda mark: counts[mark][0])
    return max(SEPARATORS, key=lambda mark: sum(count > 0 for count in counts[mark]))
