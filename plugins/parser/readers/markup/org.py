"""How is a text in Org read?

Its words stay as they were written; only what is no text for a reader is left out. ``#+INCLUDE`` is never followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from core.types import BlockKind, ParsedDocument
from plugins.parser.readers.pieces import Piece, assemble, table
from plugins.parser.text.provider import decode

_HEADING = re.compile(r"(\*+)\s+(?:(?:TODO|DONE|NEXT|WAITING|CANCELLED)\s+)?(?:\[#.\]\s+)?(.*?)(?:\s+:[\w@#%:]+:)?$")
_TITLE = re.compile(r"#\+title:\s*(.+)", re.IGNORECASE)
_BEGIN = re.compile(r"\s*#\+begin_(\w+)", re.IGNORECASE)
_END = re.compile(r"\s*#\+end_\w+", re.IGNORECASE)
_DRAWER = re.compile(r"\s*:[\w-]+:\s*$")
_META = re.compile(r"\s*(?:#\+\w+:?|# |#$|(?:SCHEDULED|DEADLINE|CLOSED):)")
_LIST_ITEM = re.compile(r"\s*(?:[-+*•]|\(?(?:\d+|[a-zA-Z])[.)])\s+\S")


def read(file_path: Path) -> ParsedDocument:
    """Headings by their stars, lists, tables and blocks of code."""
    text = decode(file_path.read_bytes()).replace("\r\n", "\n").replace("\r", "\n")
    return ParsedDocument((assemble(1, list(_pieces(text.expandtabs().split("\n")))),), paged=False)


def _pieces(lines: list[str]) -> Iterator[Piece]:
    run: list[str] = []
    code: list[str] | None = None
    in_drawer = False
    for line in lines:
        if code is not None:
            if _END.match(line):
                yield from _code(code)
                code = None
            else:
                code.append(line)
        elif in_drawer:
            in_drawer = line.strip().upper() != ":END:"
        elif begin := _BEGIN.match(line):
            yield from _run(run)
            run = []
            # A quotation or a verse is text like any other.
            code = [] if begin.group(1).lower() in ("src", "example") else None
        elif heading := _HEADING.match(line) or _TITLE.match(line):
            yield from _run(run)
            run = []
            level = len(heading.group(1)) if heading.re is _HEADING else 1
            if name := heading.group(heading.re.groups).strip():
                yield BlockKind.HEADING, min(level, 6), name
        elif _DRAWER.match(line):
            in_drawer = True
        elif not _META.match(line):
            if line.strip():
                run.append(line)
            else:
                yield from _run(run)
                run = []
    yield from _code(code or [])
    yield from _run(run)


def _run(lines: list[str]) -> Iterator[Piece]:
    """Lines without an empty one between them: a table, a list, or text."""
    kept = [line.rstrip() for line in lines if line.strip()]
    if not kept:
        return
    if all(line.lstrip().startswith(("|", "+")) for line in kept) and any("|" in line for line in kept):
        rows = [line.strip().strip("|").split("|") for line in kept if not re.fullmatch(r"[\s|+=-]+", line)]
        yield from table(rows)
    elif _LIST_ITEM.match(kept[0]):
        yield BlockKind.LIST, 0, "\n".join(kept).strip()
    else:
        yield BlockKind.TEXT, 0, "\n".join(line.strip() for line in kept)


def _code(lines: list[str]) -> Iterator[Piece]:
    while lines and not lines[0].strip():
        lines = lines[1:]
    if text := "\n".join(line.rstrip() for line in lines).rstrip():
        yield BlockKind.CODE, 0, text
