"""How is a rich text file (RTF) read?"""

from __future__ import annotations

from pathlib import Path

from core.types import BlockKind, ParsedDocument
from plugins.parser.readers.pieces import Piece, assemble, corrupt, table

CUT_OFF = "The file ends in the middle; whatever came after is missing."


def read(file_path: Path) -> ParsedDocument:
    """Paragraphs and tables; pictures and embedded objects are left out."""
    from striprtf.striprtf import rtf_to_text

    source = file_path.read_bytes().decode("latin-1")
    if not source.lstrip().startswith("{\\rtf"):
        raise corrupt("Word")
    text = rtf_to_text(source, errors="replace")
    # Characters beyond the basic plane are written as two halves.
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    whole = source.rstrip("\x00\r\n\t ").endswith("}")
    return ParsedDocument((assemble(1, _pieces(text)),), paged=False, warnings=() if whole else (CUT_OFF,))


def _pieces(text: str) -> list[Piece]:
    pieces: list[Piece] = []
    rows: list[list[str]] = []
    for line in text.split("\n"):
        # The library ends every cell of a row with a bar.
        if line.rstrip().endswith("|") and line.count("|") > 1:
            rows.append(line.rstrip().removesuffix("|").split("|"))
            continue
        pieces += table(rows)
        rows = []
        if line.strip():
            pieces.append((BlockKind.TEXT, 0, line.strip()))
    return [*pieces, *table(rows)]
