"""How is a PDF file read?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.errors import DocumentError
from core.types import Block, BlockKind, Health, ParsedDocument, ParsedPage, PluginStatus
from plugins.interfaces import PluginContext
from plugins.parser.blocks import carve
from plugins.parser.pdf.furniture import EdgeLine, furniture, is_at_edge
from plugins.parser.pdf.hidden import hidden_spans
from plugins.parser.pdf.side_by_side import processes, read_side_by_side
from plugins.parser.pdf.text_map import PageText, read
from plugins.parser.sandbox.transfer import page_from_json, page_to_json

HEADING_RATIO = 1.12
HEADING_CHARACTERS = 120
PASSWORD_ERROR = "password"
NAMED_PAGES = 20
"""Damaged pages that a warning names; the rest is counted."""


class PdfOptions(BaseModel):
    """Bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_pages: int = Field(default=5000, ge=1)


class PdfParser:
    """Text by page, headings by font size; what repeats at the edges and what nobody sees is marked."""

    Options = PdfOptions

    def __init__(self, options: PdfOptions, context: PluginContext | None = None) -> None:
        self._options = options

    async def start(self) -> None:
        """Nothing to load before a file is read."""

    async def close(self) -> None:
        """Nothing to release."""

    async def health_check(self) -> Health:
        import pypdfium2

        return Health(PluginStatus.HEALTHY, f"pdfium {pypdfium2.PDFIUM_INFO}")

    def supports_mime_type(self, mime_type: str) -> bool:
        return mime_type == "application/pdf"

    async def parse(self, file_path: Path) -> ParsedDocument:
        document = read_pdf(file_path, self._options.max_pages)
        if not any(page.text.strip() for page in document.pages):
            raise DocumentError(
                "The file has pages but no text; it is probably a scan.",
                failure_code="no_text",
                next_step="Run text recognition (OCR) over it and upload the result, or have the ocr plugin enabled.",
            )
        return document


def read_pdf(file_path: Path, max_pages: int) -> ParsedDocument:
    """The text that the pages have of their own, which may be none.

    Raises:
        DocumentError: It is encrypted, damaged, or has more pages.
    """
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(file_path)
    except pypdfium2.PdfiumError as error:
        raise _unreadable(error) from error
    try:
        if len(document) > max_pages:
            raise DocumentError(
                f"The file has {len(document)} pages; {max_pages} are read at most.",
                failure_code="too_many_pages",
                next_step="Split it into smaller files.",
            )
        count = len(document)
    finally:
        document.close()
    pages, damaged, unseen = _pages(file_path, count)
    if damaged and len(damaged) == len(pages):
        raise _corrupt()
    warnings = [*([_left_out(damaged)] if damaged else []), *([_unseen(unseen)] if unseen else [])]
    return ParsedDocument(pages, warnings=tuple(warnings))


def _unreadable(error: Exception) -> DocumentError:
    if PASSWORD_ERROR in str(error).lower():
        return DocumentError(
            "The file is protected by a password.",
            failure_code="encrypted",
            next_step="Save a copy without the password and upload that.",
        )
    return _corrupt()


def _corrupt() -> DocumentError:
    return DocumentError(
        "The file is damaged: no PDF reader can open it.",
        failure_code="corrupt",
        next_step="Open it on your computer, export it again as PDF, and upload that.",
    )


def _pages(file_path: Path, count: int) -> tuple[tuple[ParsedPage, ...], list[int], list[int]]:
    """All pages, the numbers of the damaged ones, which stay as empty pages so that the others keep theirs, and the
    numbers of those with words that nobody sees."""
    told = read_side_by_side(count, lambda numbers: [page.packed() for page in _read(file_path, numbers)], processes())
    read_pages = [_Page.unpacked(page) for page in told]
    damaged = [page.parsed.number for page in read_pages if page.damaged]
    repeated = furniture({page.parsed.number: page.edges for page in read_pages})
    pages = tuple(_marked(page, repeated.get(page.parsed.number, [])) for page in read_pages)
    return pages, damaged, [page.parsed.number for page in read_pages if page.hidden]


def _read(file_path: Path, numbers: range) -> list[_Page]:
    import pypdfium2

    document, pages = pypdfium2.PdfDocument(file_path), []
    try:
        for number in numbers:
            try:
                pages.append(_page(document, number))
            except pypdfium2.PdfiumError:
                pages.append(_Page(ParsedPage(number, "", ()), (), (), damaged=True))
    finally:
        document.close()
    return pages


def _marked(page: _Page, repeated: Sequence[tuple[int, int]]) -> ParsedPage:
    """The page with blocks for what is left out. Repeated lines that are all it says stay what they are."""
    text = page.parsed.text
    rest = len(text.strip()) - sum(end - start for start, end in repeated)
    blocks = page.parsed.blocks
    if repeated and rest > len(repeated):
        blocks = carve(blocks, repeated, BlockKind.FURNITURE, text)
    return replace(page.parsed, blocks=carve(blocks, page.hidden, BlockKind.HIDDEN, text))


def _left_out(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"Page {numbers[0]} is damaged and was left out."
    named = ", ".join(str(number) for number in numbers[:NAMED_PAGES])
    more = f" and {len(numbers) - NAMED_PAGES} more" if len(numbers) > NAMED_PAGES else ""
    return f"Pages {named}{more} are damaged and were left out."


def _unseen(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"Page {numbers[0]} holds words that a reader does not see; they were left out."
    named = ", ".join(str(number) for number in numbers[:NAMED_PAGES])
    more = f" and {len(numbers) - NAMED_PAGES} more" if len(numbers) > NAMED_PAGES else ""
    return f"Pages {named}{more} hold words that a reader does not see; they were left out."


@dataclass(frozen=True, slots=True)
class _Page:
    """A page before it is compared with the others."""

    parsed: ParsedPage
    edges: tuple[EdgeLine, ...]
    hidden: tuple[tuple[int, int], ...]
    damaged: bool = False

    def packed(self) -> list[Any]:
        """As plain data."""
        edges = [[line.start, line.end, line.text, line.height] for line in self.edges]
        return [page_to_json(self.parsed), edges, self.hidden, self.damaged]

    @classmethod
    def unpacked(cls, data: list[Any]) -> _Page:
        """The page again."""
        page, edges, hidden, damaged = data
        spans = tuple((start, end) for start, end in hidden)
        return cls(page_from_json(page), tuple(EdgeLine(*line) for line in edges), spans, damaged)


def _page(document: Any, number: int) -> _Page:
    page = document[number - 1]
    try:
        textpage = page.get_textpage()
        try:
            text = read(textpage)
            parsed = ParsedPage(number, text.text, _blocks(textpage, text))
            return _Page(parsed, _edges(textpage, text), tuple(hidden_spans(textpage, text.text, text.positions)))
        finally:
            textpage.close()
    finally:
        page.close()


def _edges(textpage: Any, page: PageText) -> tuple[EdgeLine, ...]:
    """Lines near the top or bottom of what is seen of the page."""
    _, bottom, _, top = textpage.page.get_cropbox()
    lines = []
    for start, end in _lines(page.text):
        if page.positions[start] < 0 or top <= bottom:
            continue
        _, low, _, high = textpage.get_charbox(page.positions[start], loose=True)
        height = (top - (low + high) / 2) / (top - bottom)
        if is_at_edge(height):
            lines.append(EdgeLine(start, end, page.text[start:end], height))
    return tuple(lines)


def _blocks(textpage: Any, page: PageText) -> tuple[Block, ...]:
    """Headings by size, and the text between them."""
    import pypdfium2.raw as pdfium

    lines = [line for line in _lines(page.text) if not _within(line, page.tables)]
    sizes = [round(pdfium.FPDFText_GetFontSize(textpage, page.positions[start]), 1) for start, _ in lines]
    weight: Counter[float] = Counter()
    for (start, end), size in zip(lines, sizes, strict=True):
        weight[size] += end - start
    body = weight.most_common(1)[0][0] if weight else 0.0
    larger = sorted({size for size in sizes if size >= body * HEADING_RATIO}, reverse=True)
    blocks: list[Block] = []
    for (start, end), size in zip(lines, sizes, strict=True):
        heading = size in larger and end - start <= HEADING_CHARACTERS
        kind = BlockKind.HEADING if heading else BlockKind.TEXT
        level = min(larger.index(size) + 1, 6) if heading else 0
        joined = blocks and blocks[-1].kind is kind and blocks[-1].level == level
        if joined and not any(blocks[-1].end <= first < start for first, _ in page.tables):
            blocks[-1] = Block(kind, blocks[-1].start, end, level)
        else:
            blocks.append(Block(kind, start, end, level))
    blocks += [Block(BlockKind.TABLE, start, end) for start, end in page.tables]
    return tuple(sorted(blocks, key=lambda block: block.start))


def _within(line: tuple[int, int], spans: Sequence[tuple[int, int]]) -> bool:
    return any(start <= line[0] < end for start, end in spans)


def _lines(text: str) -> list[tuple[int, int]]:
    lines, position = [], 0
    for line in text.split("\n"):
        if line.strip():
            lead = len(line) - len(line.lstrip())
            lines.append((position + lead, position + len(line.rstrip())))
        position += len(line) + 1
    return lines
