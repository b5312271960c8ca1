"""How is an XML file read whose vocabulary nobody told us?

Elements named like headings are headings, running text is text, and an element without children becomes a line
"name: text" together with its neighbours, so that a record stays in one piece and says what its values are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from core.types import BlockKind, ParsedDocument
from plugins.parser.readers.pieces import Piece, WebPage, assemble, squeezed

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

HEADINGS = {"title", "heading", "head", "caption", "h1", "h2", "h3", "h4", "h5", "h6"}
RUNNING = {"p", "para", "paragraph", "simpara", "li", "listitem", "td", "text", "abstract", "description", "note"}
"""Names that tell a reader nothing about the words in them."""
MAX_LEVEL = 6
_MARKUP = re.compile(
    r"<(?:br|hr)\s*/?>|</(?:p|div|li|ul|ol|table|h[1-6]|a|span|b|i|em|strong|blockquote|figure)\s*>", re.IGNORECASE
)
"""A web page that was put into an element as text, as feeds do."""


def read(file_path: Path, web_page: WebPage) -> ParsedDocument:
    """Everything between tags, and attributes; entities and what lies outside the file are refused."""
    from defusedxml.ElementTree import parse

    root: Element = parse(file_path).getroot()  # type: ignore[assignment]  # None only before parsing
    pieces = list(_pieces(root, 1, web_page))
    return ParsedDocument((assemble(1, pieces),), paged=False)


def _pieces(element: Element, level: int, web_page: WebPage) -> Iterator[Piece]:
    if not len(element) or _is_mixed(element):
        yield from _own(element, level, web_page)
        return
    lines = _attributes(element)
    if lines:
        lines = [f"{_name(element)}: {', '.join(lines)}"]
    for child in element:
        if not isinstance(child.tag, str):
            continue
        if not len(child) and _name(child).lower() not in HEADINGS | RUNNING and not _MARKUP.search(child.text or ""):
            lines += _line(child)
            continue
        if lines:
            yield BlockKind.TEXT, 0, "\n".join(lines)
            lines = []
        yield from _pieces(child, min(level + 1, MAX_LEVEL), web_page)
    if lines:
        yield BlockKind.TEXT, 0, "\n".join(lines)


def _own(element: Element, level: int, web_page: WebPage) -> Iterator[Piece]:
    name = _name(element).lower()
    if not len(element) and _MARKUP.search(element.text or ""):
        yield from web_page(element.text or "")
        return
    text = squeezed("".join(element.itertext()))
    if name in HEADINGS:
        if text:
            yield BlockKind.HEADING, max(level - 1, 1), text
    elif name in RUNNING or _is_mixed(element):
        if text:
            yield BlockKind.TEXT, 0, text
    elif line := _line(element):
        yield BlockKind.TEXT, 0, line[0]


def _line(element: Element) -> list[str]:
    text = squeezed(element.text or "")
    said = [text] if text else []
    said += _attributes(element)
    return [f"{_name(element)}: {', '.join(said)}"] if said else []


def _is_mixed(element: Element) -> bool:
    """Words beside children: running text, in which the children are only marks."""
    return len(element) > 0 and any(part and part.strip() for part in (element.text, *(c.tail for c in element)))


def _attributes(element: Element) -> list[str]:
    return [f"{key.rpartition('}')[2]} {squeezed(value)}" for key, value in element.attrib.items() if _is_told(key)]


def _is_told(key: str) -> bool:
    """Whether an attribute of the file's own vocabulary, not of XML's."""
    return not key.startswith(("{http://www.w3.org/", "{http://www.w3.org/XML"))


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
