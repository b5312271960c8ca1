"""Which rows of a sheet belong together, and what are their columns called?

Rows below a header each say the names of their columns, "| Part: Pump | Price: 40.5 |", so that a row that is found or
quoted alone is understood, and is quoted as it stands on the page. Where no first row reads as names, or names would
take far more room than values, a region stays a Markdown table, whose header goes with each chunk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TypeAlias

from core.types import BlockKind
from plugins.parser.readers.pieces import Piece, markdown_table

MOST_GROWTH = 3
"""Rows with names are at most so many times as long as without."""
MAX_NAME = 60
Row: TypeAlias = list[str]
_DATE = re.compile(r"(?:19|20)\d\d(?:-\d\d){0,2}")
_LETTER = re.compile(r"[^\W\d_]")


def region_pieces(rows: Iterable[Row]) -> list[Piece]:
    """Tables, and lines with one cell between them; empty rows say where a table may end.

    What follows a line between the rows of a table, such as the name of a group, has the columns of that table.
    """
    pieces: list[Piece] = []
    above: dict[int, str] = {}
    for region in _regions(rows):
        own = column_names(region)
        if _filled(region[0]) == 1:
            pieces.append((BlockKind.TABLE, 0, markdown_table(region)))
            continue
        above = own or (above if _columns(region) <= above.keys() else {})
        pieces.append(_table(region, region[1:] if own else region, above))
    return pieces


def one_table(rows: Sequence[Row]) -> Piece:
    """All rows, also those with one cell."""
    names = column_names(rows)
    return _table(rows, rows[1:], names)


def _table(rows: Sequence[Row], below: Sequence[Row], names: Mapping[int, str]) -> Piece:
    if names and _growth(below, names) <= MOST_GROWTH:
        return BlockKind.RECORDS, 0, _named(below, names)
    return BlockKind.TABLE, 0, markdown_table(rows)


def column_names(rows: Sequence[Row]) -> dict[int, str]:
    """The first row, where it reads as names of columns and not as a row like the others; else nothing.

    Names are words or at least two dates, all different, none of them a value below; the first column, that of the
    labels of rows, may lack one. Two columns may as well be words and what they stand for: there the second must hold
    numbers.
    """
    names = {column: cell for column, cell in enumerate(rows[0]) if cell}
    columns = _columns(rows)
    if len(rows) == 1 or len(names) < 2 or not columns - names.keys() <= {min(columns)}:
        return {}
    if len(set(names.values())) < len(names):
        return {}
    if not all(map(_is_name, names.values())) or sum(map(_is_date, names.values())) == 1:
        return {}
    if any(row[column : column + 1] == [name] for row in rows[1:] for column, name in names.items()):
        return {}
    if len(columns) == 2 and any(_LETTER.search(cell) for row in rows[1:] for cell in row[max(columns) :]):
        return {}
    return {column: name.replace("|", "/").rstrip(": ") for column, name in names.items()}


def _regions(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Lines with one cell (titles, notes) stand apart, and after an empty row a table with names of its own."""
    region: list[Row] = []
    for filled, lines in groupby(rows, key=_filled):
        if not filled:
            continue
        following = list(lines)
        if region and (_filled(region[-1]) != filled or column_names(following)):
            yield region
            region = []
        region += following
    if region:
        yield region


def _filled(row: Row) -> int:
    """Cells that say something: none, one, or 2 for more."""
    return min(sum(1 for cell in row if cell), 2)


def _columns(rows: Sequence[Row]) -> set[int]:
    return {column for row in rows for column, cell in enumerate(row) if cell}


def _is_name(cell: str) -> bool:
    if len(cell) > MAX_NAME or "@" in cell or "://" in cell:
        return False
    return _LETTER.search(cell) is not None or _is_date(cell)


def _is_date(cell: str) -> bool:
    return _DATE.fullmatch(cell) is not None


def _growth(rows: Sequence[Row], names: Mapping[int, str]) -> float:
    """How many times as long the rows become, bars included."""
    cells = [(column, cell) for row in rows for column, cell in enumerate(row) if cell]
    plain = sum(len(cell) + 3 for _, cell in cells)
    return 1 + sum(len(names[column]) + 2 for column, _ in cells if column in names) / plain


def _named(rows: Sequence[Row], names: Mapping[int, str]) -> str:
    """A line a row without its empty cells; the first one names them, too, so that no name is lost."""
    first = rows[0] + [""] * (max(names) + 1 - len(rows[0]))
    lines = [[_cell(names.get(column, ""), cell) for column, cell in enumerate(first)]]
    lines += ([_cell(names.get(column, ""), cell) for column, cell in enumerate(row) if cell] for row in rows[1:])
    return "\n".join(f"| {' | '.join(filter(None, cells))} |" for cells in lines)


def _cell(name: str, value: str) -> str:
    shown = value.replace("|", "/")
    return f"{name}: {shown}".rstrip() if name else shown
