"""How do the pieces that a reader finds become the text of a page?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from core.errors import DocumentError
from core.types import Block, BlockKind, ParsedPage

Piece: TypeAlias = tuple[BlockKind, int, str]
"""Kind, heading level, text."""
WebPage: TypeAlias = Callable[[str], Iterator[Piece]]
"""Reads a web page that lies in a file of another format; the parser that has such a reader hands it in."""
Mail: TypeAlias = Callable[[bytes], Iterator[Piece]]
"""The same of a mail in the form of an eml file."""


def assemble(number: int, pieces: Iterable[Piece], label: str = "") -> ParsedPage:
    """One text of all pieces, a blank line between them except inside lists."""
    parts: list[str] = []
    blocks: list[Block] = []
    length = 0
    previous: BlockKind | None = None
    for kind, level, raw in pieces:
        content = raw.replace("\x00", "\ufffd")
        if blocks:
            parts.append("\n" if kind is previous is BlockKind.LIST else "\n\n")
            length += len(parts[-1])
        parts.append(content)
        blocks.append(Block(kind, length, length + len(content), level))
        length += len(content)
        previous = kind
    return ParsedPage(number, "".join(parts), tuple(blocks), label)


def markdown_table(rows: Sequence[list[str]]) -> str:
    """Rows as a Markdown table without empty columns; one column becomes plain lines."""
    if not rows:
        return ""
    width = max(len(row) for row in rows)
    padded = [row + [""] * (width - len(row)) for row in rows]
    used = [i for i in range(width) if any(row[i] for row in padded)]
    kept = [[row[i].replace("|", "/") for i in used] for row in padded]
    if not used:
        return ""
    if len(used) == 1:
        return "\n".join(row[0] for row in kept)
    lines = [f"| {' | '.join(row)} |" for row in kept]
    lines.insert(1, f"|{'---|' * len(used)}")
    return "\n".join(lines)


def table(rows: Iterable[Iterable[str]]) -> list[Piece]:
    """A piece of the rows that hold anything; none when no row does."""
    kept = [cells for row in rows if any(cells := [squeezed(cell) for cell in row])]
    return [(BlockKind.TABLE, 0, markdown_table(kept))] if kept else []


def squeezed(text: str) -> str:
    """On one line, with single blanks."""
    return " ".join(text.split())


def corrupt(program: str) -> DocumentError:
    """What is said of a file that its own program could not open either."""
    return DocumentError(
        f"The file is damaged: it cannot be opened as a {program} file.",
        failure_code="corrupt",
        next_step=f"Open it in {program}, save it again, and upload that.",
    )


def encrypted() -> DocumentError:
    """What is said of a file with a password."""
    return DocumentError(
        "The file is protected by a password.",
        failure_code="encrypted",
        next_step="Save a copy without the password and upload that.",
    )
