"""Which lines of a page are rows of a table?

A PDF knows no tables, only words at places. Lines that fall apart at wide gaps into pieces which begin at the same
places, line after line, are taken for one; its cells may go on over several lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

GAP_HEIGHTS = 0.9
"""A gap wider than so many heights of a letter divides cells."""
GAP_POINTS = 6.0
ALIGNED_POINTS = 4.0
ROW_GAP_HEIGHTS = 0.35
"""Lines of one cell stand closer together than this; rows do not."""
MIN_ROWS = 3
"""With its header."""
_LIST_MARK = re.compile(r"[(\[]?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]+)[.)\]]?|[-–—•*▪◦‣]")


@dataclass(frozen=True, slots=True)
class Piece:
    """Text between wide gaps: ``text[start:end]`` and where it stands, in points, y growing downwards."""

    start: int
    end: int
    left: float
    right: float
    top: float
    bottom: float

    @property
    def height(self) -> float:
        """Of its letters."""
        return max(self.bottom - self.top, 1.0)


Line = list[Piece]


@dataclass(slots=True)
class Row:
    """Cells by column, each one or more pieces from top to bottom."""

    cells: dict[int, list[Piece]] = field(default_factory=dict)

    def bottom(self, column: int) -> float | None:
        """Where the cell of a column ends; None without one."""
        pieces = self.cells.get(column)
        return pieces[-1].bottom if pieces else None

    @property
    def top(self) -> float:
        """Where the row begins."""
        return min(pieces[0].top for pieces in self.cells.values())


@dataclass(slots=True)
class Table:
    """``text[start:end]``, its columns' left edges, and its rows."""

    start: int
    end: int
    edges: list[float]
    rows: list[Row]


def find_tables(textpage: Any, text: str, positions: Sequence[int]) -> list[Table]:
    """Tables of a page in the order of its text."""
    lines = list(_lines(textpage, text, positions))
    found: list[Table] = []
    index = 0
    while index < len(lines):
        table, used = _table_at(lines, index, text)
        if table is None:
            index += 1
            continue
        found.append(table)
        index += used
    return found


def _table_at(lines: Sequence[Line], first: int, text: str) -> tuple[Table | None, int]:
    """The table whose header is that line, and how many lines it has."""
    header = lines[first]
    if len(header) < 2:
        return None, 0
    edges = [piece.left for piece in header]
    rows = [Row({column: [piece] for column, piece in enumerate(header)})]
    used = 1
    for line in lines[first + 1 :]:
        columns = [_column(piece, edges) for piece in line]
        if any(column is None for column in columns) or not _belongs(line, rows[-1]):
            break
        for piece, column in zip(line, columns, strict=True):
            if column is not None:
                _place(rows, column, piece)
        used += 1
    if _is_list(rows, text):
        return None, 0
    full = sum(len(row.cells) >= 2 for row in rows)
    if full < MIN_ROWS or full < 0.6 * len(rows):
        return None, 0
    pieces = [piece for line in lines[first : first + used] for piece in line]
    return Table(min(p.start for p in pieces), max(p.end for p in pieces), edges, rows), used


def _is_list(rows: Sequence[Row], text: str) -> bool:
    """Numbers or bullets before every line make no first column."""
    firsts = [text[row.cells[0][0].start : row.cells[0][0].end] for row in rows if 0 in row.cells]
    return sum(_LIST_MARK.fullmatch(first) is not None for first in firsts) > 0.6 * len(firsts)


def _column(piece: Piece, edges: Sequence[float]) -> int | None:
    """The column a piece begins in; None when it begins in none or runs into the next."""
    for column, edge in enumerate(edges):
        if abs(piece.left - edge) <= ALIGNED_POINTS:
            following = edges[column + 1] if column + 1 < len(edges) else None
            return column if following is None or piece.right <= following + ALIGNED_POINTS else None
    return None


def _belongs(line: Line, row: Row) -> bool:
    """Whether a line stands near the last row, beside it or under it."""
    bottom = max(pieces[-1].bottom for pieces in row.cells.values())
    return all(row.top - piece.height <= piece.top <= bottom + 2.5 * piece.height for piece in line)


def _place(rows: list[Row], column: int, piece: Piece) -> None:
    """Into the cell it continues, into the row it stands beside, or into a new row."""
    row = rows[-1]
    bottom = row.bottom(column)
    if bottom is None and piece.top < row.top + 0.5 * piece.height:
        row.cells[column] = [piece]
    elif bottom is not None and abs(piece.top - bottom) < ROW_GAP_HEIGHTS * piece.height:
        row.cells[column].append(piece)
    elif piece.top > row.top:
        rows.append(Row({column: [piece]}))
    else:
        row.cells.setdefault(column, []).append(piece)


def _lines(textpage: Any, text: str, positions: Sequence[int]) -> Iterator[Line]:
    start = 0
    for content in text.split("\n"):
        end = start + len(content)
        if content.strip():
            yield _pieces(textpage, text, positions, start, end)
        start = end + 1


def _pieces(textpage: Any, text: str, positions: Sequence[int], start: int, end: int) -> Line:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    pieces: Line = []
    begin = start
    left, top, right, bottom = _box(textpage, positions[start])
    index = start
    while index < end:
        if not text[index].isspace():
            index += 1
            continue
        following = index
        while text[following].isspace():
            following += 1
        before, after = _box(textpage, positions[index - 1]), _box(textpage, positions[following])
        top, bottom, right = min(top, before[1]), max(bottom, before[3]), before[2]
        if after[0] - before[2] > max(GAP_POINTS, GAP_HEIGHTS * (bottom - top)):
            pieces.append(Piece(begin, index, left, right, top, bottom))
            begin = following
            left, top, right, bottom = after
        index = following
    last = _box(textpage, positions[end - 1])
    pieces.append(Piece(begin, end, left, last[2], min(top, last[1]), max(bottom, last[3])))
    return pieces


def _box(textpage: Any, position: int) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of a character's place in its line, whatever its shape; y growing downwards."""
    import pypdfium2.raw as pdfium

    place = pdfium.FS_RECTF()
    pdfium.FPDFText_GetLooseCharBox(textpage, position, place)
    return place.left, -place.top, place.right, -place.bottom
