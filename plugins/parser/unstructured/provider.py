"""How are office files, web pages and mails read?

Word, HTML and mail through ``unstructured``; slides and sheets through the libraries below it, because speaker notes
and column names would be lost otherwise.
"""

from __future__ import annotations

import functools
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.errors import DocumentError
from core.types import Block, BlockKind, Health, ParsedDocument, ParsedPage, PluginStatus
from plugins.interfaces import PluginContext

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HTML = "text/html"
MAIL = "message/rfc822"

PROGRAMS = {DOCX: "Word", PPTX: "PowerPoint", XLSX: "Excel"}
MALFORMED = (SyntaxError, LookupError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)
"""What the libraries raise over office files that are cut off inside or lack parts; errors of XML are SyntaxErrors."""

BY_SUFFIX = {".docx": DOCX, ".pptx": PPTX, ".xlsx": XLSX, ".html": HTML, ".htm": HTML, ".eml": MAIL}

Piece = tuple[BlockKind, int, str]
"""Kind, heading level, text."""


class UnstructuredOptions(BaseModel):
    """Bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_cells: int = Field(default=500_000, ge=1)
    """Cells of a workbook that are read at most."""


class UnstructuredParser:
    """docx, pptx, xlsx, html, eml."""

    Options = UnstructuredOptions

    def __init__(self, options: UnstructuredOptions, context: PluginContext | None = None) -> None:
        self._options = options

    async def start(self) -> None:
        """Nothing is imported before a file is read."""

    async def close(self) -> None:
        """Nothing to release."""

    async def health_check(self) -> Health:
        return Health(PluginStatus.HEALTHY, "Sentences are split by rules; no language model is fetched.")

    def supports_mime_type(self, mime_type: str) -> bool:
        return mime_type in {DOCX, PPTX, XLSX, HTML, MAIL}

    async def parse(self, file_path: Path) -> ParsedDocument:
        mime_type = BY_SUFFIX.get(file_path.suffix.lower(), "")
        if not mime_type:
            raise DocumentError(
                f"Files named {file_path.suffix or file_path.name} are not read here.",
                failure_code="unsupported_type",
                next_step="Upload it as docx, pptx, xlsx, html or eml.",
            )
        try:
            document = self._read(file_path, mime_type)
        except MALFORMED as error:
            if mime_type not in PROGRAMS:
                raise
            raise _corrupt(PROGRAMS[mime_type]) from error
        if not any(page.text.strip() for page in document.pages):
            raise DocumentError(
                "No text was found in the file.",
                failure_code="no_text",
                next_step="If it holds only pictures, run text recognition over them first.",
            )
        return document

    def _read(self, file_path: Path, mime_type: str) -> ParsedDocument:
        if mime_type == PPTX:
            return _slides(file_path)
        if mime_type == XLSX:
            return _sheets(file_path, self._options.max_cells)
        return ParsedDocument((_assemble(1, list(_elements(file_path, mime_type))),), paged=False)


# -- through unstructured


def _elements(file_path: Path, mime_type: str) -> Iterator[Piece]:
    _go_offline()
    if mime_type == DOCX:
        from unstructured.partition.docx import partition_docx

        elements = partition_docx(filename=str(file_path))
    elif mime_type == HTML:
        from unstructured.partition.html import partition_html

        elements = partition_html(filename=str(file_path), skip_headers_and_footers=True)
    else:
        from unstructured.partition.email import partition_email

        yield from _mail_head(file_path)
        elements = partition_email(filename=str(file_path), process_attachments=False)
    for element in elements:
        yield from _piece(element)


def _piece(element: Any) -> Iterator[Piece]:
    text = str(element.text or "").strip()
    kind = element.category
    if kind in ("PageBreak", "Header", "Footer", "Image"):
        return
    if kind == "Table":
        table = _table(element)
        if table:
            yield BlockKind.TABLE, 0, table
    elif text:
        if kind == "Title":
            yield BlockKind.HEADING, min((element.metadata.category_depth or 0) + 1, 6), text
        elif kind == "ListItem":
            yield BlockKind.LIST, 0, f"- {text}"
        else:
            yield BlockKind.TEXT, 0, text


def _table(element: Any) -> str:
    html = element.metadata.text_as_html
    if not html:
        return str(element.text or "").strip()
    from lxml import html as parser

    rows = [
        [" ".join(cell.text_content().split()) for cell in row.xpath("./td|./th")]
        for row in parser.fragment_fromstring(html, create_parent="div").xpath(".//tr")
    ]
    return markdown_table([row for row in rows if any(row)])


def _mail_head(file_path: Path) -> Iterator[Piece]:
    import email
    import email.policy

    with file_path.open("rb") as file:
        message = email.message_from_binary_file(file, policy=email.policy.default)
    subject = str(message.get("subject", "")).strip()
    if subject:
        yield BlockKind.HEADING, 1, subject
    head = [f"{name}: {message[name]}" for name in ("From", "To", "Cc", "Date") if message[name]]
    if head:
        yield BlockKind.TEXT, 0, "\n".join(head)


def _go_offline() -> None:
    """Before the first import: no telemetry, and sentences split by rules instead of a downloaded model."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("SCARF_NO_ANALYTICS", "1")
    os.environ.setdefault("UNSTRUCTURED_DISABLE_NOTICE", "1")
    import spacy
    from unstructured.nlp import tokenize

    @functools.cache
    def rules(*_: Any, **__: Any) -> Any:
        pipeline = spacy.blank("en")
        pipeline.add_pipe("sentencizer")
        return pipeline

    # The library's own hook would fetch a model from the network (see docs/decisions).
    vars(tokenize)["_get_nlp"] = rules


# -- slides and sheets


def _slides(file_path: Path) -> ParsedDocument:
    from pptx import Presentation

    try:
        presentation = Presentation(str(file_path))
    except MemoryError:
        raise
    except Exception as error:
        raise _corrupt(PROGRAMS[PPTX]) from error
    pages = []
    for number, slide in enumerate(presentation.slides, start=1):
        pages.append(_assemble(number, list(_slide(slide)), f"slide {number}"))
    return ParsedDocument(tuple(pages))


def _slide(slide: Any) -> Iterator[Piece]:
    title = slide.shapes.title
    if title is not None and title.has_text_frame and title.text_frame.text.strip():
        yield BlockKind.HEADING, 1, " ".join(title.text_frame.text.split())
    for shape in slide.shapes:
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if shape.has_text_frame:
            lines = [" ".join(paragraph.text.split()) for paragraph in shape.text_frame.paragraphs]
            body = [line for line in lines if line]
            if body:
                yield BlockKind.LIST, 0, "\n".join(f"- {line}" for line in body) if len(body) > 1 else body[0]
        elif getattr(shape, "has_table", False):
            rows = [[" ".join(cell.text.split()) for cell in row.cells] for row in shape.table.rows]
            if table := markdown_table(rows):
                yield BlockKind.TABLE, 0, table
    if slide.has_notes_slide:
        notes = slide.notes_slide.notes_text_frame
        if notes is not None and notes.text.strip():
            yield BlockKind.TEXT, 0, f"Notes: {' '.join(notes.text.split())}"


def _sheets(file_path: Path, max_cells: int) -> ParsedDocument:
    from openpyxl import load_workbook

    try:
        workbook = load_workbook(file_path, read_only=True, data_only=True)
    except MemoryError:
        raise
    except Exception as error:
        raise _corrupt(PROGRAMS[XLSX]) from error
    try:
        pages, cells = [], 0
        for number, sheet in enumerate(workbook.worksheets, start=1):
            rows = []
            for row in sheet.iter_rows(values_only=True):
                cells += len(row)
                if cells > max_cells:
                    raise DocumentError(
                        f"The workbook has more than {max_cells:,} cells.",
                        failure_code="too_complex",
                        next_step="Split it, or upload only the sheets that matter.",
                    )
                shown = [_cell(value) for value in row]
                if any(shown):
                    rows.append(shown)
            # The name of a sheet is not yet text.
            pieces: list[Piece] = [(BlockKind.HEADING, 1, sheet.title)] if rows else []
            pieces.extend((BlockKind.TABLE, 0, markdown_table(region)) for region in _regions(rows))
            pages.append(_assemble(number, pieces, f"sheet {sheet.title}"))
    finally:
        workbook.close()
    return ParsedDocument(tuple(pages))


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.10g}"
    text = " ".join(str(value).split())
    return text.removesuffix(" 00:00:00")


def _regions(rows: list[list[str]]) -> Iterator[list[list[str]]]:
    """Lines with one cell (titles, notes) stand apart from the table they are near."""
    region: list[list[str]] = []
    for row in rows:
        single = sum(1 for cell in row if cell) == 1
        if single and region and sum(1 for cell in region[-1] if cell) > 1:
            yield region
            region = []
        elif not single and region and sum(1 for cell in region[-1] if cell) == 1:
            yield region
            region = []
        region.append(row)
    if region:
        yield region


def markdown_table(rows: list[list[str]]) -> str:
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


def _assemble(number: int, pieces: Iterable[Piece], label: str = "") -> ParsedPage:
    """One text of all pieces, a blank line between them except inside lists."""
    text, blocks = "", []
    previous: BlockKind | None = None
    for kind, level, raw in pieces:
        content = raw.replace("\x00", "\ufffd")
        if text:
            text += "\n" if kind is previous is BlockKind.LIST else "\n\n"
        blocks.append(Block(kind, len(text), len(text) + len(content), level))
        text += content
        previous = kind
    return ParsedPage(number, text, tuple(blocks), label)


def _corrupt(program: str) -> DocumentError:
    return DocumentError(
        f"The file is damaged: it cannot be opened as a {program} file.",
        failure_code="corrupt",
        next_step=f"Open it in {program}, save it again, and upload that.",
    )
