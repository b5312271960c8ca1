"""How are OpenDocument files and electronic books read, which are XML in a zip archive?

Entities and what lies outside the file are refused; the archive was checked before (``plugins.parser.archives``).
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from core.errors import DocumentError
from core.types import BlockKind, ParsedDocument
from plugins.parser.readers.pieces import Piece, WebPage, assemble, corrupt, encrypted, squeezed, table
from plugins.parser.readers.sheets.workbooks import sheet_pieces
from plugins.parser.text.provider import decode

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
NOTES = "{urn:oasis:names:tc:opendocument:xmlns:presentation:1.0}notes"
MANIFEST = "{urn:oasis:names:tc:opendocument:xmlns:manifest:1.0}"
CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}"
OPF = "{http://www.idpf.org/2007/opf}"
UNREAD = {
    f"{TEXT}tracked-changes", f"{TEXT}note-citation", f"{OFFICE}annotation", f"{OFFICE}forms", f"{TEXT}sequence-decls",
    f"{TEXT}table-of-content", f"{TEXT}alphabetical-index",
}  # fmt: skip
COVERED = f"{TABLE}covered-table-cell"
"""The place of a cell that another one reaches over: without it what follows would stand under another name."""
MAX_REPEATED = 100
"""Copies of a cell that are written out; programs fill the rest of a line with one empty cell repeated."""


def open_text(file_path: Path, max_cells: int) -> ParsedDocument:
    """An odt file as its body reads; comments and deleted text are left out."""
    body = _body(file_path, "text")
    return ParsedDocument((assemble(1, _blocks(body, max_cells)),), paged=False)


def open_slides(file_path: Path, max_cells: int) -> ParsedDocument:
    """An odp file, one page a slide, with its notes."""
    pages = []
    for number, slide in enumerate(_body(file_path, "presentation").iter(f"{DRAW}page"), start=1):
        pieces = [piece for part in slide if part.tag != NOTES for piece in _blocks(part, max_cells)]
        said = " ".join(squeezed(text) for part in slide.iter(NOTES) for _, _, text in _blocks(part, max_cells))
        if said:
            pieces.append((BlockKind.TEXT, 0, f"Notes: {said}"))
        pages.append(assemble(number, pieces, f"slide {number}"))
    return ParsedDocument(tuple(pages))


def open_sheets(file_path: Path, max_cells: int) -> ParsedDocument:
    """An ods file, one page a sheet."""
    pages = []
    for number, sheet in enumerate(_body(file_path, "spreadsheet").iter(f"{TABLE}table"), start=1):
        title = sheet.get(f"{TABLE}name", "")
        rows = ([squeezed(cell) for cell in row] for row in _rows(sheet, max_cells))
        pages.append(assemble(number, sheet_pieces(title, rows), f"sheet {title}"))
    return ParsedDocument(tuple(pages))


def _body(file_path: Path, kind: str) -> Element:
    with zipfile.ZipFile(file_path) as archive:
        if "META-INF/manifest.xml" in archive.namelist():
            manifest = _xml(archive.read("META-INF/manifest.xml"))
            if next(manifest.iter(f"{MANIFEST}encryption-data"), None) is not None:
                raise encrypted()
        if "content.xml" not in archive.namelist():
            raise corrupt("OpenDocument")
        body = _xml(archive.read("content.xml")).find(f"{OFFICE}body/{OFFICE}{kind}")
    if body is None:
        raise corrupt("OpenDocument")
    return body


def _blocks(parent: Element, max_cells: int) -> Iterator[Piece]:
    for child in parent:
        if child.tag in UNREAD:
            continue
        if child.tag == f"{TEXT}h":
            if heading := squeezed(_flat(child)):
                yield BlockKind.HEADING, _level(child), heading
        elif child.tag == f"{TEXT}p":
            if text := _flat(child).strip():
                yield BlockKind.TEXT, 0, text
        elif child.tag == f"{TEXT}list-item":
            lines = [squeezed(text) for _, _, text in _blocks(child, max_cells)]
            if lines:
                yield BlockKind.LIST, 0, "\n".join(line if line.startswith("- ") else f"- {line}" for line in lines)
        elif child.tag == f"{TABLE}table":
            yield from table(_rows(child, max_cells))
        else:
            yield from _blocks(child, max_cells)


def _level(heading: Element) -> int:
    value = heading.get(f"{TEXT}outline-level", "1")
    return min(max(int(value), 1), 6) if value.isdecimal() else 1


def _rows(element: Element, max_cells: int) -> Iterator[list[str]]:
    cells = 0
    for row in element.iter(f"{TABLE}table-row"):
        shown: list[str] = []
        for cell in row:
            if cell.tag not in (f"{TABLE}table-cell", COVERED):
                continue
            repeated = cell.get(f"{TABLE}number-columns-repeated", "1")
            text = " ".join(_flat(part) for part in cell) if cell.tag != COVERED else ""
            shown += [text] * min(int(repeated) if repeated.isdecimal() else 1, MAX_REPEATED)
        cells += len(shown)
        if cells > max_cells:
            raise DocumentError(
                f"The file has a table of more than {max_cells:,} cells.",
                failure_code="too_complex",
                next_step="Split it into smaller files.",
            )
        yield shown


def _flat(element: Element) -> str:
    """The words below an element, with its blanks and breaks."""
    if element.tag in UNREAD:
        return ""
    own = {f"{TEXT}s": " ", f"{TEXT}tab": "\t", f"{TEXT}line-break": "\n"}.get(element.tag, "")
    parts = [own, element.text or ""]
    for child in element:
        inner = _flat(child)
        parts.append(f" ({inner.strip()})" if child.tag == f"{TEXT}note" else inner)
        parts.append(child.tail or "")
    return "".join(parts)


def book(file_path: Path, web_page: WebPage) -> ParsedDocument:
    """An epub file, one page for each of its parts in reading order."""
    with zipfile.ZipFile(file_path) as archive:
        names = set(archive.namelist())
        if "META-INF/encryption.xml" in names and "META-INF/rights.xml" in names:
            raise encrypted()
        parts = [name for name in _spine(archive) if name in names]
        pages = [
            assemble(number, list(web_page(_without_declaration(decode(archive.read(name))))))
            for number, name in enumerate(parts, start=1)
        ]
    return ParsedDocument(tuple(pages), paged=False)


def _spine(archive: zipfile.ZipFile) -> list[str]:
    container = _xml(archive.read("META-INF/container.xml"))
    root = next(container.iter(f"{CONTAINER}rootfile"), None)
    package_name = root.get("full-path", "") if root is not None else ""
    package = _xml(archive.read(package_name))
    hrefs = {item.get("id"): item.get("href", "") for item in package.iter(f"{OPF}item")}
    folder = posixpath.dirname(package_name)
    found = [hrefs.get(item.get("idref"), "") for item in package.iter(f"{OPF}itemref")]
    return [posixpath.normpath(posixpath.join(folder, unquote(href))) for href in found if href]


def _without_declaration(page: str) -> str:
    """Text that is already decoded must not name an encoding."""
    start = page.lstrip("\ufeff \r\n\t")
    return start[start.find("?>") + 2 :] if start.startswith("<?xml") and "?>" in start else start


def _xml(content: bytes) -> Element:
    from defusedxml.ElementTree import fromstring

    element: Element = fromstring(content)
    return element
