"""What stands in every place of a table whose cells reach over several?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """Text of a cell, and how many rows and columns it reaches over."""

    text: str
    rows: int = 1
    columns: int = 1


def spread(rows: Sequence[Sequence[Cell]]) -> Iterator[list[str]]:
    """The texts of all places of a table, row by row."""
    reaching: dict[int, tuple[str, int]] = {}
    for cells in rows:
        line = {column: text for column, (text, _) in reaching.items()}
        reaching = {column: (text, more - 1) for column, (text, more) in reaching.items() if more > 1}
        column = 0
        for cell in cells:
            while column in line:
                column += 1
            for place in range(column, column + cell.columns):
                line[place] = cell.text
                if cell.rows > 1:
                    reaching[place] = (cell.text, cell.rows - 1)
        yield [line.get(place, "") for place in range(max(line, default=-1) + 1)]
