"""Which lines of a page are rows of a table, and which are columns of prose that stand beside each other?

A PDF knows no tables, only words at places. Lines that fall apart at wide gaps, over strips of paper that stay empty
line after line, are taken for a table: what stands between the same strips is a column, however it is aligned. Where
both columns are full of words the page is set in columns, and each is read to its end before the next.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from plugins.parser.pdf.lines import Line, Piece
from plugins.parser.pdf.rows import Cells, Column, by_column, column_of, rows_of

MIN_ROWS = 3
"""With its header."""
FULL_ROWS = 0.6
"""Share of the rows that have at least two cells."""
NEAR_HEIGHTS = 2.5
FAR_HEIGHTS = 8.0
"""How far down a cell may be drawn before the longer cells beside it."""
HEADER_LINES = 12
"""Lines above a table that may be its header."""
UPRIGHT = 2.0
"""How many times as high as wide a word is that stands on its end."""
PROSE_CHARACTERS = 20
PROSE_LINES = 4
_LIST_MARK = re.compile(r"[(\[]?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]+)[.)\]]?|[-–—•*▪◦‣]")


@dataclass(slots=True)
class Table:
    """``text[start:end]``: rows of cells, each one or more pieces from top to bottom."""

    start: int
    end: int
    columns: list[Column]
    rows: list[Cells] = field(default_factory=list)

    @property
    def width(self) -> int:
        """Columns."""
        return len(self.columns)


@dataclass(slots=True)
class Columns:
    """``text[start:end]``: lines of prose by column, from left to right."""

    start: int
    end: int
    columns: list[list[Piece]]


def find(lines: Sequence[Line], text: str) -> list[tuple[int, Table | Columns | None]]:
    """(number of lines, what they are) for all lines in order; None is an ordinary line."""
    found: list[tuple[int, Table | Columns | None]] = []
    index = 0
    while index < len(lines):
        used, what = _at(lines, index, text)
        index += used
        if isinstance(what, Table):
            above = _take_header(what, [lines[index - used - back] for back in range(1, _plain_before(found) + 1)])
            del found[len(found) - above :]
            used += above
        found.append((used, what))
    return found


def _plain_before(found: Sequence[tuple[int, Table | Columns | None]]) -> int:
    """How many of the last lines are ordinary ones that might be the header of what follows."""
    count = 0
    while count < min(len(found), HEADER_LINES) and found[-1 - count][1] is None:
        count += 1
    return count


def _take_header(table: Table, above: Sequence[Line]) -> int:
    """Lines (from the nearest upwards) that stand over the columns become the header; how many were taken."""
    header: list[Piece] = []
    labels: list[Piece] = []
    taken = 0
    top = min(piece.top for row in table.rows for pieces in row.values() for piece in pieces)
    used = Counter(column for row in table.rows for column in row)
    for count, line in enumerate(above, start=1):
        if any(piece.bottom < top - NEAR_HEIGHTS * piece.height for piece in line):
            break
        # Names that stand upright begin at different heights.
        if any(piece.top > top + piece.height and not _is_upright(piece) for piece in line):
            break
        # A title in the middle of the page stands over no column.
        if all(piece.left > table.columns[0][1] and used[column_of(piece, table.columns)] > 1 for piece in line):
            header += [*labels, *line]
            labels, taken = [], count
        elif len(line) == 1 and not labels and not header and line[0].right < table.columns[1][0]:
            labels = [line[0]]
        else:
            break
        top = min(top, *(piece.top for piece in line))
    # A label between the header and the first row, such as "Revenue:", is a row of its own.
    own = [piece for piece in header if piece.left <= table.columns[0][1]]
    names = [piece for piece in header if piece not in own]
    _add_empty_columns(table, names)
    over = by_column(names, table.columns)
    if len(over) < 2:
        return 0
    table.rows[:0] = [over, *([{0: own}] if own else [])]
    table.start = min(table.start, *(piece.start for piece in header))
    return taken


def _add_empty_columns(table: Table, names: Sequence[Piece]) -> None:
    """Columns for upright names beside the name of the nearest column: no mark stands under them."""
    over = [[piece for piece in names if piece.left < right and piece.right > left] for left, right in table.columns]
    for piece in names:
        named = over[column_of(piece, table.columns)]
        if not _is_upright(piece) or any(piece in pieces for pieces in over) or not any(map(_is_upright, named)):
            continue
        place = sum(left < piece.left for left, _ in table.columns)
        table.columns.insert(place, (piece.left, piece.right))
        over.insert(place, [piece])
        table.rows[:] = [{number + (number >= place): cell for number, cell in row.items()} for row in table.rows]


def _is_upright(piece: Piece) -> bool:
    """Whether its line was turned to stand on its end; one or two letters are narrow anyhow."""
    return piece.end - piece.start > 2 and piece.height > UPRIGHT * (piece.right - piece.left)


def _at(lines: Sequence[Line], first: int, text: str) -> tuple[int, Table | Columns | None]:
    run = _run(lines, first)
    while len(run) >= MIN_ROWS:
        pieces = [piece for line in run for piece in line]
        columns = _columns(run)
        if len(columns) < 2:
            break
        spans = (min(piece.start for piece in pieces), max(piece.end for piece in pieces))
        cells = by_column(pieces, columns)
        if _is_prose(cells, text):
            return len(run), Columns(*spans, [cells[number] for number in sorted(cells)])
        rows = rows_of(pieces, columns, text)
        if last := _lines_after(run, rows):
            run = run[:-last]
            continue
        full = sum(len(row) >= 2 for row in rows)
        if full >= MIN_ROWS and full >= FULL_ROWS * len(rows) and not _is_list(rows, text):
            return len(run), Table(*spans, columns, rows)
        break
    return 1, None


def _run(lines: Sequence[Line], first: int) -> list[Line]:
    """The line and those under it that could be of the same table."""
    if len(lines[first]) < 2:
        return []
    run = [lines[first]]
    top, bottom = min(p.top for p in run[0]), max(p.bottom for p in run[0])
    last_top = top
    for line in lines[first + 1 :]:
        height = line[0].height
        reach = (NEAR_HEIGHTS if len(line) > 1 else FAR_HEIGHTS) * height
        if line[0].top > bottom + reach or line[0].bottom < last_top - NEAR_HEIGHTS * height:
            break
        if len(line) == 1 and _crosses(line[0], run):
            break
        run.append(line)
        last_top = min(piece.top for piece in line) if len(line) > 1 else last_top
        bottom = max(bottom, *(piece.bottom for piece in line))
    return _without_far(run)


def _without_far(run: list[Line]) -> list[Line]:
    """The run up to the first line that stands under an empty strip."""
    bottom = max(piece.bottom for piece in run[0])
    for piece in sorted((piece for line in run for piece in line), key=lambda piece: piece.top):
        if piece.top > bottom + NEAR_HEIGHTS * piece.height:
            limit = piece.top
            return run[: next(number for number, line in enumerate(run) if any(p.top >= limit for p in line))]
        bottom = max(bottom, piece.bottom)
    return run


def _crosses(piece: Piece, run: Sequence[Line]) -> bool:
    """Whether a line runs over a gap of the lines before, as prose under a table does."""
    gaps = [
        (left.right, right.left) for line in run[-4:] for left, right in pairwise(line)
    ]  # fmt: skip
    crossed = sum(piece.left < start and piece.right > end for start, end in gaps)
    return bool(gaps) and crossed > 0.5 * sum(len(line) > 1 for line in run[-4:])


def _columns(run: Sequence[Line]) -> list[Column]:
    """Strips of paper that lines write on; what one line alone covers, such as a title over two columns, is none."""
    rows = [line for line in run if len(line) > 1]
    least = 1 if len(rows) >= MIN_ROWS + 1 else 0
    edges = sorted(
        [(piece.left, 1) for line in run for piece in line] + [(piece.right, -1) for line in run for piece in line],
        key=lambda edge: (edge[0], -edge[1]),
    )
    columns: list[Column] = []
    depth, begin = 0, 0.0
    for place, change in edges:
        if depth == least and change > 0:
            begin = place
        if depth == least + 1 and change < 0:
            columns.append((begin, place))
        depth += change
    return columns


def _is_prose(cells: Cells, text: str) -> bool:
    """Whether every column is full of words rather than of cells."""
    for pieces in cells.values():
        said = [text[piece.start : piece.end] for piece in pieces]
        if len(said) < PROSE_LINES or statistics.median(map(len, said)) < PROSE_CHARACTERS:
            return False
        distances = [below.middle - above.middle for above, below in pairwise(pieces)]
        # Lines of prose follow closely; rows whose cells happen to be long have room between them.
        if statistics.median(distances) > 1.5 * statistics.median(piece.height for piece in pieces):
            return False
        if sum(character.isalpha() or character.isspace() for character in "".join(said)) < 0.8 * len("".join(said)):
            return False
    return True


def _lines_after(run: Sequence[Line], rows: Sequence[Cells]) -> int:
    """How many lines at the end of a run are prose under the table: alone in their rows, in the first column."""
    below = 0
    for row in reversed(rows):
        if set(row) != {0}:
            break
        below += len(row[0])
    tail = 0
    for line in reversed(run):
        if tail >= below or len(line) > 1:
            break
        tail += 1
    return tail


def _is_list(rows: Sequence[Cells], text: str) -> bool:
    """Numbers or bullets before every line make no first column."""
    firsts = [text[row[0][0].start : row[0][0].end] for row in rows if 0 in row]
    return sum(_LIST_MARK.fullmatch(first) is not None for first in firsts) > 0.6 * len(firsts)
