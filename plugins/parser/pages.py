"""Where on a page does a passage stand, and how does the page look, whether the file is a PDF or a picture?

What recognition found out about places is kept with the document (``core.types.Word``); a PDF knows the rest itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.types import Box
from plugins.parser.ocr import pages as pictures
from plugins.parser.pdf import pages as pdf

HEAD = 1024
GONE = "page_missing"
"""The failure of a drawing process that finds no such page."""


def page_boxes(path: Path, page_number: int, char_start: int, char_end: int, quote: str | None = None) -> list[Box]:
    """Rectangles over characters of a page's own text, which are the quote; a picture has none.

    Raises:
        NotFoundError: There is no such page, or it is damaged.
    """
    return pdf.page_boxes(path, page_number, char_start, char_end, quote) if _is_pdf(path) else []


def render_page(path: Path, page_number: int, scale: float, boxes: Sequence[Box]) -> bytes:
    """The page as PNG, at most 4,000 pixels a side, with the boxes marked.

    Raises:
        NotFoundError: There is no such page, or it is damaged.
    """
    render = pdf.render_page if _is_pdf(path) else pictures.render_page
    return render(path, page_number, scale, boxes)


def _is_pdf(path: Path) -> bool:
    with path.open("rb") as file:
        return b"%PDF-" in file.read(HEAD)
