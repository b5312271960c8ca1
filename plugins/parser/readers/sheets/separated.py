"""How are rows between separators read?"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from core.types import BlockKind, ParsedDocument
from plugins.parser.readers.pieces import Piece, assemble, corrupt, squeezed
from plugins.parser.readers.sheets.budget import Budget
from plugins.parser.readers.sheets.regions import one_table
from plugins.parser.text.provider import decode

SAMPLE = 20_000
"""Characters from which the separator is told."""
SEPARATORS = ",;\t|"
LONGEST_CELL = 10_000_000


def separated(file_path: Path, separator: str, max_cells: int) -> ParsedDocument:
    """A csv or tsv file as one table under its title lines; an empty ``separator`` is told from the first lines."""
    text = decode(file_path.read_bytes())
    csv.field_size_limit(LONGEST_CELL)
    budget, rows = Budget(max_cells), []
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
