"""How are office files, books, web pages, mails, marked-up texts and lists of archives read?

Word, HTML and mail through ``unstructured``; the others through the libraries below it or by their own format, because
speaker notes, column names and headings would be lost otherwise.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from core.errors import DocumentError
from core.types import BlockKind, Health, ParsedDocument, PluginStatus
from plugins.interfaces import PluginContext
from plugins.parser.readers import legacy, listing, packed_xml, plain_xml, rich_text, slides
from plugins.parser.readers.mail import attachments, mailbox, outlook
from plugins.parser.readers.markup import org
from plugins.parser.readers.pieces import Piece, assemble, corrupt
from plugins.parser.readers.sheets import separated, workbooks
from plugins.parser.readers.web.unseen import WARNING
from plugins.parser.unstructured import elements

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

BY_SUFFIX = {
    ".docx": DOCX,
    ".doc": "application/msword",
    ".pptx": PPTX,
    ".ppt": "application/vnd.ms-powerpoint",
    ".xlsx": XLSX,
    ".xls": "application/vnd.ms-excel",
    ".html": "text/html",
    ".htm": "text/html",
    ".eml": "message/rfc822",
    ".msg": "application/vnd.ms-outlook",
    ".mbox": "application/mbox",
    ".epub": "application/epub+zip",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".rtf": "application/rtf",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".org": "text/org",
    ".rst": "text/x-rst",
    ".xml": "application/xml",
    ".zip": "application/zip",
    ".tar": "application/x-tar",
    ".tgz": "application/gzip",
}

PROGRAMS = {
    ".docx": "Word",
    ".doc": "Word",
    ".pptx": "PowerPoint",
    ".ppt": "PowerPoint",
    ".xlsx": "Excel",
    ".odt": "OpenDocument",
    ".odp": "OpenDocument",
    ".ods": "OpenDocument",
    ".epub": "e-book",
    ".xml": "XML",
}
MALFORMED = (SyntaxError, LookupError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)
"""What the libraries raise over files that are cut off inside or lack parts; errors of XML are SyntaxErrors, and what
``defusedxml`` refuses are ValueErrors."""


class UnstructuredOptions(BaseModel):
    """Bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_cells: int = Field(default=500_000, ge=1)
    """Cells of a workbook or table that are read at most."""
    convert_timeout_s: float = Field(default=90.0, gt=0, le=3600)
    """How long LibreOffice may take over a doc or ppt file."""


class UnstructuredParser:
    """Everything in ``BY_SUFFIX``."""

    Options = UnstructuredOptions

    def __init__(self, options: UnstructuredOptions, context: PluginContext | None = None) -> None:
        self._options = options

    async def start(self) -> None:
        """Nothing is imported before a file is read."""

    async def close(self) -> None:
        """Nothing to release."""

    async def health_check(self) -> Health:
        rules = "Sentences are split by rules; no language model is fetched."
        old = "" if legacy.program() else f" doc and ppt need LibreOffice, which is not installed: {legacy.INSTALL}"
        return Health(PluginStatus.HEALTHY, rules + old)

    def supports_mime_type(self, mime_type: str) -> bool:
        return mime_type in BY_SUFFIX.values()

    async def parse(self, file_path: Path) -> ParsedDocument:
        suffix = file_path.suffix.lower()
        if suffix not in BY_SUFFIX:
            raise DocumentError(
                f"Files named {file_path.suffix or file_path.name} are not read here.",
                failure_code="unsupported_type",
                next_step=f"Upload it as one of {', '.join(ending.lstrip('.') for ending in BY_SUFFIX)}.",
            )
        try:
            document = self._read(file_path, suffix)
        except RecursionError as error:
            raise DocumentError(
                "The file is nested more deeply than any reader follows.",
                failure_code="too_complex",
                next_step="Open it in its program, save it again, and upload that.",
            ) from error
        except MALFORMED as error:
            if suffix not in PROGRAMS:
                raise
            raise corrupt(PROGRAMS[suffix]) from error
        hidden = any(block.kind is BlockKind.HIDDEN for page in document.pages for block in page.blocks)
        if hidden:
            document = replace(document, warnings=(*document.warnings, WARNING))
        if not any(page.text.strip() for page in document.pages):
            raise DocumentError(
                "No text was found in the file.",
                failure_code="no_text",
                next_step="If it holds only pictures, run text recognition over them first.",
            )
        return document

    def _read(self, path: Path, suffix: str) -> ParsedDocument:
        cells = self._options.max_cells
        match suffix:
            case ".pptx":
                return slides.read(path)
            case ".doc" | ".ppt":
                return self._converted(path, f"{suffix[1:]}x")
            case ".xlsx" | ".xls":
                return workbooks.workbook(path, cells)
            case ".csv" | ".tsv":
                return separated.separated(path, "\t" if suffix == ".tsv" else "", cells)
            case ".odt":
                return packed_xml.open_text(path, cells)
            case ".odp":
                return packed_xml.open_slides(path, cells)
            case ".ods":
                return packed_xml.open_sheets(path, cells)
            case ".epub":
                return packed_xml.book(path, elements.web_page)
            case ".rtf":
                return rich_text.read(path)
            case ".org":
                return org.read(path)
            case ".rst":
                # docutils is loaded for such files only.
                from plugins.parser.readers.markup import rst

                return rst.read(path)
            case ".xml":
                return plain_xml.read(path, elements.web_page)
            case ".eml":
                raw = path.read_bytes()
                return replace(_one_page(elements.mail(raw)), parts=attachments.in_mail(raw))
            case ".mbox":
                return mailbox.read(path, elements.mail)
            case ".msg":
                return replace(_one_page(outlook.read(path, elements.web_page)), parts=outlook.attached(path))
            case ".zip" | ".tar" | ".tgz":
                return listing.read(path)
            case ".docx":
                return _one_page(elements.word(path))
            case _:
                return _one_page(elements.web_page_file(path))

    def _converted(self, path: Path, new_format: str) -> ParsedDocument:
        with legacy.folder() as folder:
            made = legacy.converted(path, new_format, Path(folder), self._options.convert_timeout_s)
            return slides.read(made) if new_format == "pptx" else _one_page(elements.word(made))


def _one_page(pieces: Iterable[Piece]) -> ParsedDocument:
    return ParsedDocument((assemble(1, list(pieces)),), paged=False)
