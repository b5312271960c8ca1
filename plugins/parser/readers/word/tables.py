"""How does a merged cell of a Word table say its text in every row and column it reaches over?

``unstructured`` writes it once, so that what follows would stand under another column's name.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MERGED = (b"<w:gridSpan", b"<w:vMerge")
MOST_COLUMNS = 63
"""Of a table, as Word allows."""
MOST_COPIED = 1_000_000
"""Characters that the copies in a file have together; the rest of its tables stays as it is."""


def spread_cells(body: Any) -> None:
    """Put a cell into every place of the tables."""
    left = MOST_COPIED
    for table in body.iter(f"{WORD}tbl"):
        above: dict[int, Any] = {}
        for row in table.findall(f"{WORD}tr"):
            above, left = _spread(row, above, left)


def _spread(row: Any, above: dict[int, Any], left: int) -> tuple[dict[int, Any], int]:
    """Put copies into a row. Returns its cells by column, and how many characters may still be copied."""
    places: dict[int, Any] = {}
    column = 0
    for cell in row.findall(f"{WORD}tc"):
        span, goes_on = _merged(cell)
        shown = above.get(column) if goes_on else None
        for number in range(span):
            place = cell
            if (number or shown is not None) and left > 0:
                place = deepcopy(cell if shown is None else shown)
                left -= len("".join(place.itertext()))
                cell.addprevious(place)
            places[column + number] = place
        if shown is not None and places[column] is not cell:
            row.remove(cell)
        column += span
    return places, left


def _merged(cell: Any) -> tuple[int, bool]:
    """How many columns a cell takes, and whether it goes on from the row above; it says neither afterwards."""
    properties = cell.find(f"{WORD}tcPr")
    if properties is None:
        return 1, False
    span, vertical = properties.find(f"{WORD}gridSpan"), properties.find(f"{WORD}vMerge")
    columns = span.get(f"{WORD}val", "1") if span is not None else "1"
    goes_on = vertical is not None and vertical.get(f"{WORD}val", "continue") == "continue"
    for mark in (span, vertical):
        if mark is not None:
            properties.remove(mark)
    return min(max(int(columns) if columns.isdecimal() else 1, 1), MOST_COLUMNS), goes_on
