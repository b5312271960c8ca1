"""Which cells of a table stand in one column, and which lines are one row?"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

from plugins.parser.pdf.lines import Piece

OVERLAP_HEIGHTS = 0.35
LARGER_GAP = 1.3
_NUMBER = re.compile(r"[$€£¥(\s-]*\d[\d.,\s]*[%)\s]*")

Column: TypeAlias = tuple[float, float]
Cells: TypeAlias = dict[int, list[Piece]]


def by_column(pieces: Sequence[Piece], columns: Sequence[Column]) -> Cells:
    found: Cells = {}
    for piece in sorted(pieces, key=lambda piece: (piece.middle, piece.left)):
        found.setdefault(column_of(piece, columns), []).append(piece)
    return found


def column_of(piece: Piece, columns: Sequence[Column]) -> int:
    """The column a piece shares most with, the nearest when it shares nothing; the first of several it lies over."""

    def shared(column: Column) -> float:
        return min(piece.right, column[1]) - max(piece.left, column[0])

    over = [number for number, column in enumerate(columns) if shared(column) > 0.9 * (column[1] - column[0])]
    return over[0] if over else max(range(len(columns)), key=lambda number: shared(columns[number]))


def rows_of(pieces: Sequence[Piece], columns: Sequence[Column], text: str) -> list[Cells]:
    """Lines at the same height, joined to rows where the distances say that cells go on over several lines."""
    bands = _bands(pieces)
    height = statistics.median(piece.height for piece in pieces)
    gaps = []
    for above, below in pairwise(bands):
        gaps.append(height + max(min(p.top for p in below) - max(p.bottom for p in above), -0.9 * height))
    cells = [by_column(band, columns) for band in bands]
    rows: list[Cells] = []
    for group in _groups(cells, gaps, text):
        row: Cells = {}
        for line in group:
            for column, found in line.items():
                row.setdefault(column, []).extend(found)
        rows.append(row)
    return rows


def _bands(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Pieces at the same height, and those beside several lines at once, such as a cell set in the middle."""
    found: list[list[Piece]] = []
    bottom = 0.0
    for piece in sorted(pieces, key=lambda piece: piece.middle):
        if found and piece.top < bottom - OVERLAP_HEIGHTS * piece.height:
            found[-1].append(piece)
            bottom = max(bottom, piece.bottom)
        else:
            found.append([piece])
            bottom = piece.bottom
    return found


def _groups(lines: Sequence[Cells], gaps: Sequence[float], text: str) -> list[list[Cells]]:
    """Lines of one row together: rows stand wider apart than the lines of a cell, where cells have several."""
    if not gaps or max(gaps) < LARGER_GAP * min(gaps):
        return [[line] for line in lines]
    limit = (min(gaps) + max(gaps)) / 2 if max(gaps) < 3 * min(gaps) else 1.5 * min(gaps)
    groups: list[list[Cells]] = [[lines[0]]]
    for line, gap in zip(lines[1:], gaps, strict=True):
        if gap > limit:
            groups.append([line])
        else:
            groups[-1].append(line)
    trusted = sum(gap > limit for gap in gaps) >= 0.3 * len(gaps)
    # A wider gap now and then parts sections of a table; a row of several lines has one line that all its cells share.
    found: list[list[Cells]] = []
    for group in groups:
        whole = (trusted or _one_row(group)) and not _holds_numbers_twice(group, text)
        found += [group] if whole else [[line] for line in group]
    return found


def _one_row(group: Sequence[Cells]) -> bool:
    widest = max(len(line) for line in group)
    return sum(len(line) == widest for line in group) == 1 and widest > 1


def _holds_numbers_twice(group: Sequence[Cells], text: str) -> bool:
    """Whether a column has a number in two of the lines: sentences go on in the next line, numbers do not."""
    numbers = Counter(
        column
        for line in group
        for column, pieces in line.items()
        if any(_NUMBER.fullmatch(text[piece.start : piece.end]) for piece in pieces)
    )
    return any(count > 1 for count in numbers.values())
