"""How are scanned pages and pictures of text read?

A PDF page that has text of its own is read as the pdf plugin reads it; only the others are drawn and recognised. Where
the words stand goes with the page, so that a citation can be marked in the picture.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from core.errors import DocumentError
from core.types import Health, ParsedDocument, ParsedPage, PluginStatus
from plugins.interfaces import PluginContext
from plugins.parser.ocr import tesseract
from plugins.parser.ocr.page_text import page_of
from plugins.parser.ocr.pictures import opened, png_for_reading, scale_within
from plugins.parser.pdf.provider import read_pdf

if TYPE_CHECKING:
    from PIL import Image

PDF = "application/pdf"
PICTURES = frozenset({"image/png", "image/jpeg", "image/tiff", "image/webp", "image/gif", "image/bmp"})
POINTS_PER_INCH = 72
NAMED_PAGES = 20
"""Pages that a warning names; the rest is counted."""

Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class OcrOptions(BaseModel):
    """What is looked for, and bounds.

    Attributes:
        languages: Tesseract's names of the languages that documents are written in, the most frequent first.
        dpi: At which PDF pages are drawn.
        layout: Tesseract's page segmentation mode: 3 finds columns and paragraphs and turns pages that it hardly
            recognises, 1 turns every page that lies on its side, 6 takes a page for one block.
        min_confidence: Words tesseract is less sure of (0–100) are left out.
        max_pages: Of a file.
        max_pixels: Of a page or picture. A PDF page is drawn smaller to fit, a larger picture is refused.
        page_timeout_s: For one page.
        parallel: Pages that are recognised at the same time, each on one core.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    languages: tuple[Language, ...] = Field(default=("eng",), min_length=1)
    dpi: int = Field(default=300, ge=72, le=600)
    layout: Literal[1, 3, 4, 6, 11, 12] = 3
    min_confidence: float = Field(default=30.0, ge=0, le=100)
    max_pages: int = Field(default=5000, ge=1)
    max_pixels: int = Field(default=50_000_000, ge=10_000, le=80_000_000)
    page_timeout_s: float = Field(default=60.0, gt=0, le=3600)
    parallel: int = Field(default=2, ge=1, le=64)


class OcrParser:
    """PDF files and pictures, through tesseract."""

    Options = OcrOptions

    def __init__(self, options: OcrOptions, context: PluginContext | None = None) -> None:
        self._options = options

    async def start(self) -> None:
        """Nothing to load: tesseract is a program."""

    async def close(self) -> None:
        """Nothing to release."""

    async def health_check(self) -> Health:
        problem = await tesseract.problem(self._options.languages)
        if problem:
            # PDF files with text of their own are read all the same.
            return Health(PluginStatus.DEGRADED, f"Scans and pictures are not read. {problem}")
        return Health(PluginStatus.HEALTHY, f"tesseract, {', '.join(self._options.languages)}")

    def supports_mime_type(self, mime_type: str) -> bool:
        return mime_type == PDF or mime_type in PICTURES

    async def parse(self, file_path: Path) -> ParsedDocument:
        document = await (self._pdf(file_path) if _is_pdf(file_path) else self._pictures(file_path))
        if not any(page.text.strip() for page in document.pages):
            raise DocumentError(
                "No text was recognised in the file.",
                failure_code="no_text",
                next_step="If it shows text, scan it again, straight and at 300 points an inch.",
            )
        return document

    # -- the two kinds of files

    async def _pdf(self, path: Path) -> ParsedDocument:
        import pypdfium2

        document = read_pdf(path, self._options.max_pages)
        file = pypdfium2.PdfDocument(path)
        try:
            bare = [page.number for page in document.pages if not page.text.strip() and _is_drawn(file, page.number)]
            if not bare:
                return document
            problem = await tesseract.problem(self._options.languages)
            if problem and len(bare) < len(document.pages) and document.text.strip():
                left_out = _sentence(bare, "has no text of its own and was left out", "have no text and were left out")
                return replace(document, warnings=(*document.warnings, f"{left_out} {problem}"))
            self._must_work(problem)
            recognised, warnings = await self._recognise(bare, lambda number: self._drawn(file, number))
        finally:
            file.close()
        pages = tuple(recognised.get(page.number, page) for page in document.pages)
        return replace(document, pages=pages, warnings=(*document.warnings, *warnings))

    async def _pictures(self, path: Path) -> ParsedDocument:
        with opened(path, self._options.max_pixels) as pictures:
            count = len(pictures)
            if count > self._options.max_pages:
                raise DocumentError(
                    f"The file has {count} pages; {self._options.max_pages} are read at most.",
                    failure_code="too_many_pages",
                    next_step="Split it into smaller files.",
                )
            # A damaged picture is damaged whether or not there is anybody to read it.
            pictures.grey(0)
            self._must_work(await tesseract.problem(self._options.languages))
            numbers = range(1, count + 1)
            recognised, warnings = await self._recognise(numbers, lambda number: pictures.grey(number - 1))
        pages = tuple(recognised.get(number, ParsedPage(number, "")) for number in numbers)
        return ParsedDocument(pages, paged=count > 1, warnings=warnings)

    def _drawn(self, file: Any, number: int) -> Image.Image:
        page = file[number - 1]
        try:
            width, height = page.get_size()
            scale = scale_within(width, height, self._options.dpi / POINTS_PER_INCH, self._options.max_pixels)
            image: Image.Image = page.render(scale=scale, grayscale=True).to_pil().convert("L")
            return image
        finally:
            page.close()

    # -- recognition

    async def _recognise(
        self, numbers: Sequence[int], draw: Callable[[int], Image.Image]
    ) -> tuple[dict[int, ParsedPage], tuple[str, ...]]:
        """Pages by number, and what is to be said about those that could not be recognised."""
        pages: dict[int, ParsedPage] = {}
        failed: dict[int, bool] = {}
        gate = asyncio.Semaphore(self._options.parallel)

        async def one(number: int) -> None:
            async with gate:
                # Drawn only when its turn has come: a page takes megabytes.
                png = png_for_reading(draw(number), self._options.max_pixels)
                try:
                    pages[number] = page_of(number, await self._words(png))
                except tesseract.RecognitionError as error:
                    failed[number] = error.slow

        try:
            async with asyncio.TaskGroup() as group:
                for number in numbers:
                    group.create_task(one(number))
        except BaseExceptionGroup as several:
            # The first one ended the others.
            raise several.exceptions[0] from None
        if failed and len(failed) == len(numbers):
            raise self._gave_up(slow=all(failed.values()))
        return pages, (_unread(sorted(failed)),) if failed else ()

    async def _words(self, png: bytes) -> list[tesseract.Seen]:
        options = self._options
        return await tesseract.words(
            png,
            languages=options.languages,
            layout=options.layout,
            min_confidence=options.min_confidence,
            timeout_s=options.page_timeout_s,
        )

    def _must_work(self, problem: str) -> None:
        if problem:
            raise DocumentError(
                f"The text is a picture and cannot be recognised. {problem}",
                failure_code="program_missing",
                next_step="Ask the operator to install it, or run text recognition yourself and upload the result.",
            )

    def _gave_up(self, *, slow: bool) -> DocumentError:
        if slow:
            return DocumentError(
                f"Recognising a page took longer than {self._options.page_timeout_s:g} seconds.",
                failure_code="parse_timeout",
                next_step="Scan it at 300 points an inch, or have page_timeout_s of the ocr plugin raised.",
            )
        return DocumentError(
            "Text recognition gave up over the file.",
            failure_code="parser_failed",
            next_step="Open it on your computer, save it again, and upload that.",
        )


def _is_pdf(path: Path) -> bool:
    with path.open("rb") as file:
        return b"%PDF-" in file.read(1024)


def _is_drawn(file: Any, number: int) -> bool:
    """Whether anything stands on the page; empty ones are not worth a look, damaged ones have none."""
    import pypdfium2

    try:
        page = file[number - 1]
    except pypdfium2.PdfiumError:
        return False
    try:
        return next(iter(page.get_objects(max_depth=1)), None) is not None
    finally:
        page.close()


def _unread(numbers: Sequence[int]) -> str:
    return _sentence(numbers, "could not be recognised and was left out", "could not be recognised and were left out")


def _sentence(numbers: Sequence[int], one: str, several: str) -> str:
    if len(numbers) == 1:
        return f"Page {numbers[0]} {one}."
    named = ", ".join(str(number) for number in numbers[:NAMED_PAGES])
    more = f" and {len(numbers) - NAMED_PAGES} more" if len(numbers) > NAMED_PAGES else ""
    return f"Pages {named}{more} {several}."
