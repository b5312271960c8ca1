"""How is a text in reStructuredText read?

By docutils, which reads no other file, runs no raw part and asks nobody. What it objects to is read all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from docutils.core import publish_doctree

from core.types import BlockKind, ParsedDocument
from plugins.parser.readers.markup.lookup import of_any_name
from plugins.parser.readers.merged_cells import Cell, spread
from plugins.parser.readers.pieces import Piece, assemble, squeezed, table
from plugins.parser.text.provider import decode

SETTINGS = {
    "_disable_config": True,  # of whoever runs the process
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "doctitle_xform": False,
    "docinfo_xform": False,
    "syntax_highlight": "none",
    "line_length_limit": 2**31,
    "report_level": 1,  # messages stay beside the words that they are about
    "halt_level": 6,
    "warning_stream": False,
}
MAX_LEVEL = 6
ERROR = 3
"""From this level on, what a message is about was not read as anything else."""
_UNREAD = (nodes.Invisible, nodes.meta, nodes.raw, nodes.image, nodes.label, nodes.decoration)
_WRITTEN = (nodes.literal_block, nodes.doctest_block, nodes.math_block)
_BETWEEN: dict[type[nodes.Node], str] = {nodes.line_block: "\n", nodes.option_group: ", "}
_ADDRESS = re.compile(r"(?:https?|ftp)://|mailto:")
_MARKS = re.compile(r"\s*(?:\.\. +(?:\|[^|]+\| +)?[\w:+.-]+::|\.\.|([=\-`:'\"~^_*+#<>.])\1{2,}\s*$)")


def read(file_path: Path) -> ParsedDocument:
    """Headings by their underlines, lists, tables and blocks of code."""
    text = decode(file_path.read_bytes()).replace("\x00", "\ufffd")
    with of_any_name():
        document = publish_doctree(text, settings_overrides=SETTINGS)
    return ParsedDocument((assemble(1, list(_blocks(document, 0))),), paged=False)


def _blocks(parent: nodes.Element, level: int) -> Iterator[Piece]:
    for node in parent.children:
        if isinstance(node, nodes.section):
            yield from _blocks(node, level + 1)
        elif isinstance(node, nodes.title) and isinstance(parent, nodes.section):
            yield BlockKind.HEADING, min(level, MAX_LEVEL), squeezed(_text(node))
        elif isinstance(node, nodes.system_message):
            yield from _unread_words(node)
        elif isinstance(node, _WRITTEN):
            yield BlockKind.CODE, 0, node.astext()
        elif isinstance(node, nodes.table):
            yield from _table(node, level)
        elif isinstance(node, nodes.bullet_list | nodes.enumerated_list):
            yield BlockKind.LIST, 0, "\n".join(_items(node, level))
        elif isinstance(node, nodes.Element) and not isinstance(node, _UNREAD):
            yield from _joined(node, level)


def _joined(node: nodes.Element, level: int) -> Iterator[Piece]:
    """What belongs together in one piece: words, or a name and what stands to it."""
    if isinstance(node, nodes.TextElement | nodes.line_block):
        yield from _piece(_text(node))
    elif isinstance(node, nodes.field | nodes.option_list_item):
        name, *rest = (_said(part, level) for part in node.children)
        yield from _piece(f"{name}: {' '.join(rest)}")
    elif isinstance(node, nodes.definition_list_item):
        yield from _piece("\n".join(_said(part, level) for part in node.children))
    elif isinstance(node, nodes.footnote | nodes.citation):
        label = next((part.astext() for part in node.findall(nodes.label)), "")
        yield from _piece(f"[{label}] {_said(node, level)}")
    else:
        yield from _blocks(node, level)


def _piece(text: str) -> Iterator[Piece]:
    if text.strip():
        yield BlockKind.TEXT, 0, text.strip()


def _said(node: nodes.Node, level: int) -> str:
    """The words of a part, blocks or not."""
    if isinstance(node, nodes.TextElement | nodes.option_group):
        return _text(node)
    return "\n".join(text for _, _, text in _blocks(node, level)) if isinstance(node, nodes.Element) else ""


def _text(node: nodes.Node) -> str:
    """The words of a line, with addresses behind them."""
    if isinstance(node, nodes.Text):
        return str(node)
    if not isinstance(node, nodes.Element) or isinstance(node, _UNREAD):
        return ""
    if isinstance(node, nodes.footnote_reference | nodes.citation_reference):
        return f"[{node.astext()}]"
    if isinstance(node, nodes.option_argument):
        return node.astext()
    said = _BETWEEN.get(type(node), "").join(map(_text, node.children))
    address = node.get("refuri", "")
    if address and _ADDRESS.match(address) and address.removeprefix("mailto:") != said:
        return f"{said} ({address})"
    return said


def _items(found: nodes.Element, level: int) -> Iterator[str]:
    """Lines of a list; those after the first of an item stand below it."""
    number = int(found.get("start", 1))
    for item in found.children:
        mark = f"{number}." if isinstance(found, nodes.enumerated_list) else "-"
        first, *rest = _said(item, level).split("\n")
        yield f"{mark} {first}".rstrip()
        yield from (f"  {line}".rstrip() for line in rest)
        number += 1


def _table(found: nodes.table, level: int) -> Iterator[Piece]:
    """Its title and its rows, a merged cell in every place it reaches over."""
    for title in found.findall(nodes.title):
        yield from _piece(_text(title))
    rows = [[_cell(cell, level) for cell in row.findall(nodes.entry)] for row in found.findall(nodes.row)]
    yield from table(spread(rows))


def _cell(found: nodes.entry, level: int) -> Cell:
    return Cell(_said(found, level), found.get("morerows", 0) + 1, found.get("morecols", 0) + 1)


def _unread_words(message: nodes.system_message) -> Iterator[Piece]:
    """What docutils could make nothing of; of marks and options, only the words."""
    if int(message.get("level", 0)) < ERROR:
        return
    for written in message.findall(nodes.literal_block):
        lines = (_MARKS.sub("", line, count=1).strip() for line in written.astext().split("\n"))
        yield from _piece("\n".join(line for line in lines if line))
