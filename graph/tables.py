"""Which rows do the chunks of a document have, under which names of columns?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from uuid import UUID

from core.text.quotable import RULE, cells_of
from core.types import Chunk

MOSTLY_ROWS = 0.6
"""Share of a document's lines that are rows, from which on its name says what the rows are."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it stands in its chunk."""

    chunk: Chunk
    """The row alone: its content is the line."""
    cells: Mapping[str, str]

    @property
    def said(self) -> str:
        """What it says, without the names of its columns."""
        return " | ".join(self.cells.values())


@dataclass(slots=True)
class Table:
    """Rows under the same names of columns."""

    label: str
    """What it is called: its sheet, else the heading above it."""
    rows: list[Row] = field(default_factory=list)
    named_by_file: bool = False
    """Whether its document is hardly more than rows."""
    whole: bool = True

    @property
    def columns(self) -> list[str]:
        """The names, in the order of their first use."""
        return list(dict.fromkeys(name for row in self.rows for name in row.cells))


def tables_of(chunks: Sequence[Chunk], *, whole: bool = True) -> list[Table]:
    """The tables of documents, in their order; ``whole`` says whether these are all of their chunks."""
    tables: dict[tuple[object, ...], Table] = {}
    seen: set[tuple[UUID, int, int]] = set()
    lines = rows = 0
    for chunk in chunks:
        lines += sum(1 for line in chunk.content.splitlines() if line.strip())
        for row, key in _rows(chunk):
            place = (chunk.version_id, chunk.page, row.chunk.char_start)
            if place not in seen:
                seen.add(place)
                rows += 1
                tables.setdefault(key, Table(_label(chunk), whole=whole)).rows.append(row)
    for table in tables.values():
        table.named_by_file = rows >= MOSTLY_ROWS * lines
    return list(tables.values())


def _label(chunk: Chunk) -> str:
    return chunk.page_label or (chunk.heading_path[-1] if chunk.heading_path else "")


def _rows(chunk: Chunk) -> Iterator[tuple[Row, tuple[object, ...]]]:
    """Rows with what tells their table from others."""
    repeated = chunk.context.rpartition("\n")[2]
    header = cells_of(repeated) if repeated.startswith("|") and ": " not in repeated else []
    position = 0
    lines: list[tuple[int, str]] = []
    for line in chunk.content.split("\n"):
        lines.append((position, line.rstrip()))
        position += len(line) + 1
    for (start, line), (_, following) in pairwise([*lines, (position, "")]):
        if not line.startswith("|"):
            header = [] if line.strip() else header
            continue
        if RULE.match(line):
            continue
        if RULE.match(following):
            header = cells_of(line)
            continue
        cells = _named(cells_of(line), header)
        if cells:
            own = replace(
                chunk, content=line, char_start=chunk.char_start + start, char_end=chunk.char_start + start + len(line)
            )
            key = (chunk.version_id, *header) if header else (chunk.version_id, chunk.page, next(iter(cells)))
            yield Row(own, cells), key


def _named(cells: Sequence[str], header: Sequence[str]) -> dict[str, str]:
    """Cells by the names of their columns; a row that names them itself is told by its colons."""
    if header:
        return {
            header[n] if n < len(header) and header[n] else str(n + 1): cell for n, cell in enumerate(cells) if cell
        }
    if any(": " not in cell and not cell.endswith(":") for cell in cells):
        return {str(n): cell for n, cell in enumerate(cells, start=1) if cell}
    return {name.strip(): value.strip() for name, _, value in (cell.partition(":") for cell in cells)}
