"""How are texts in Org and reStructuredText read?

Their words stay as they were written; only what is no text for a reader is left out. Directives that would read other
files (``include``, ``#+INCLUDE``) are never followed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from core.types import BlockKind, ParsedDocument
from plugins.parser.readers.pieces import Piece, assemble, table
from plugins.parser.text.provider import decode

_ORG_HEADING = re.compile(
    r"(\*+)\s+(?:(?:TODO|DONE|NEXT|WAITING|CANCELLED)\s+)?(?:\[#.\]\s+)?(.*?)(?:\s+:[\w@#%:]+:)?$"
)
_ORG_TITLE = re.compile(r"#\+title:\s*(.+)", re.IGNORECASE)
_ORG_BEGIN = re.compile(r"\s*#\+begin_(\w+)", re.IGNORECASE)
_ORG_END = re.compile(r"\s*#\+end_\w+", re.IGNORECASE)
_ORG_DRAWER = re.compile(r"\s*:[\w-]+:\s*$")
_ORG_META = re.compile(r"\s*(?:#\+\w+:?|# |#$|(?:SCHEDULED|DEADLINE|CLOSED):)")
_LIST_ITEM = re.compile(r"\s*(?:[-+*•]|#\.|\(?(?:\d+|[a-zA-Z])[.)])\s+\S")
_RST_MARK = re.compile(r"([=\-`:'\"~^_*+#<>.])\1{2,}\s*$")
_RST_DIRECTIVE = re.compile(r"\s*\.\. +(?:\|[^|]+\| +)?([\w:-]+)::\s*(.*)$")
_RST_TARGET = re.compile(r"\s*\.\. (?:_|\[)")
_RST_FIELD = re.compile(r"\s+:[\w -]+:")
_SHOWN = {"code", "code-block", "sourcecode", "parsed-literal", "literalinclude"}


def org(file_path: Path) -> ParsedDocument:
    """Headings by their stars, lists, tables and blocks of code."""
    return _document(file_path, _org)


def rst(file_path: Path) -> ParsedDocument:
    """Headings by their underlines, in the order in which these first appear."""
    return _document(file_path, _rst)


def _document(file_path: Path, read: Callable[[list[str]], Iterator[Piece]]) -> ParsedDocument:
    text = decode(file_path.read_bytes()).replace("\r\n", "\n").replace("\r", "\n")
    return ParsedDocument((assemble(1, list(read(text.expandtabs().split("\n")))),), paged=False)


def _org(lines: list[str]) -> Iterator[Piece]:
    run: list[str] = []
    code: list[str] | None = None
    in_drawer = False
    for line in lines:
        if code is not None:
            if _ORG_END.match(line):
                yield from _code(code)
                code = None
            else:
                code.append(line)
        elif in_drawer:
            in_drawer = line.strip().upper() != ":END:"
        elif begin := _ORG_BEGIN.match(line):
            yield from _run(run)
            run = []
            # A quotation or a verse is text like any other.
            code = [] if begin.group(1).lower() in ("src", "example") else None
        elif heading := _ORG_HEADING.match(line) or _ORG_TITLE.match(line):
            yield from _run(run)
            run = []
            level = len(heading.group(1)) if heading.re is _ORG_HEADING else 1
            if name := heading.group(heading.re.groups).strip():
                yield BlockKind.HEADING, min(level, 6), name
        elif _ORG_DRAWER.match(line):
            in_drawer = True
        elif not _ORG_META.match(line):
            if line.strip():
                run.append(line)
            else:
                yield from _run(run)
                run = []
    yield from _code(code or [])
    yield from _run(run)


def _rst(lines: list[str]) -> Iterator[Piece]:
    marks: list[str] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        following = lines[index + 1] if index + 1 < len(lines) else ""
        third = lines[index + 2] if index + 2 < len(lines) else ""
        if _RST_MARK.match(line) and following.strip() and third.rstrip() == line.rstrip():
            yield BlockKind.HEADING, _rank(marks, line[0] * 2), following.strip()
            index += 3
        elif line.strip() and not line[0].isspace() and _underlines(following, line):
            yield BlockKind.HEADING, _rank(marks, following[0]), line.strip()
            index += 2
        elif directive := _RST_DIRECTIVE.match(line):
            index, pieces = _directive(lines, index, directive)
            yield from pieces
        elif _RST_TARGET.match(line) or line.rstrip() == ".." or line.startswith(".. "):
            index = _past_indented(lines, index + 1)
        elif line.strip():
            end = index
            while end < len(lines) and lines[end].strip():
                if end > index and end + 1 < len(lines) and _underlines(lines[end + 1], lines[end]):
                    break
                end += 1
            yield from _run(lines[index:end])
            literal = lines[end - 1].rstrip().endswith("::")
            index = end
            if literal:
                index = _past_indented(lines, end)
                yield from _code(lines[end:index])
        else:
            index += 1


def _underlines(mark: str, line: str) -> bool:
    return bool(_RST_MARK.match(mark)) and len(mark.rstrip()) >= len(line.rstrip()) - 1 and not _RST_MARK.match(line)


def _rank(marks: list[str], mark: str) -> int:
    if mark not in marks:
        marks.append(mark)
    return min(marks.index(mark) + 1, 6)


def _directive(lines: list[str], index: int, directive: re.Match[str]) -> tuple[int, list[Piece]]:
    """Where it ends, and what it shows: code as code, the words of notes and the like as text."""
    end = _past_indented(lines, index + 1)
    body = lines[index + 1 : end]
    while body and _RST_FIELD.match(body[0]):
        body.pop(0)
    name = directive.group(1)
    if name in _SHOWN:
        return end, list(_code(body))
    if name in ("include", "raw", "image", "toctree", "highlight", "contents"):
        return end, []
    said = [directive.group(2)] if directive.group(2) and name not in ("figure", "list-table", "csv-table") else []
    paragraphs = "\n".join([*said, *(line.strip() for line in body)]).split("\n\n")
    return end, [piece for paragraph in paragraphs for piece in _run(paragraph.split("\n"))]


def _past_indented(lines: list[str], index: int) -> int:
    """The first line from there on that is neither indented nor empty."""
    while index < len(lines) and (not lines[index].strip() or lines[index][0].isspace()):
        index += 1
    return index


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
