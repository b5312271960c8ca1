"""Where on a page does a passage stand, and how does the page look?"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import NotFoundError
from core.types import Box
from plugins.parser.pdf.text_map import OURS, read

if TYPE_CHECKING:
    from PIL import Image

HIGHLIGHT = (255, 224, 92)
PADDING = 1.5
"""Points around each highlighted line."""


def page_boxes(path: Path, page_number: int, char_start: int, char_end: int, quote: str | None = None) -> list[Box]:
    """Rectangles, one per line, that cover characters ``[char_start, char_end)`` of the page's text.

    ``quote`` is what stood there when the page was read. Where a later way of reading puts other words there, it is
    looked for; nothing is marked rather than something else.

    Raises:
        NotFoundError: There is no such page, or it is damaged.
    """
    with _page(path, page_number) as page:
        textpage = page.get_textpage()
        try:
            now = read(textpage)
            start, end = (char_start, char_end) if quote is None else _found(now.text, quote, char_start, char_end)
            positions = now.positions[start:end]
            left, bottom, right, top = page.get_cropbox()
            width, height = right - left, top - bottom
            boxes = []
            for first, count in _runs(positions):
                for i in range(textpage.count_rects(first, count)):
                    x0, y0, x1, y1 = textpage.get_rect(i)
                    boxes.append(
                        Box(
                            _share(x0 - PADDING - left, width),
                            _share(top - y1 - PADDING, height),
                            _share(x1 + PADDING - left, width),
                            _share(top - y0 + PADDING, height),
                        )
                    )
            return boxes
        finally:
            textpage.close()


def _found(text: str, quote: str, start: int, end: int) -> tuple[int, int]:
    """Where the words of the quote stand, spaces and bars of tables aside; an empty span where they do not."""
    if text[start:end] == quote:
        return start, end
    words = [re.escape(word) for word in re.findall(r"[^\s|]+", quote) if word.strip("-")]
    places = [match.span() for match in re.finditer(r"[\s|-]*".join(words), text)] if words else []
    return min(places, key=lambda place: abs(place[0] - start), default=(0, 0))


def render_page(path: Path, page_number: int, scale: float, boxes: Sequence[Box]) -> bytes:
    """The page as PNG at ``scale`` pixels per point, at most 4,000 pixels a side, with the boxes marked.

    Raises:
        NotFoundError: There is no such page, or it is damaged.
    """
    with _page(path, page_number) as page:
        longest = max(page.get_size())
        return marked(page.render(scale=min(scale, 4000 / max(longest, 1))).to_pil(), boxes)


def marked(picture: Image.Image, boxes: Sequence[Box]) -> bytes:
    """A picture as PNG with the boxes in yellow under what is drawn."""
    from PIL import Image, ImageChops

    image = picture.convert("RGB")
    marks = Image.new("RGB", image.size, "white")
    for box in boxes:
        corners = (
            int(box.left * image.width),
            int(box.top * image.height),
            int(box.right * image.width),
            int(box.bottom * image.height),
        )
        marks.paste(HIGHLIGHT, corners)
    buffer = io.BytesIO()
    ImageChops.multiply(image, marks).save(buffer, "PNG")
    return buffer.getvalue()


@contextmanager
def _page(path: Path, page_number: int) -> Iterator[Any]:
    import pypdfium2

    document = pypdfium2.PdfDocument(path)
    try:
        if not 1 <= page_number <= len(document):
            raise NotFoundError(f"There is no page {page_number}.")
        try:
            page = document[page_number - 1]
        except pypdfium2.PdfiumError as error:
            raise NotFoundError(f"Page {page_number} is damaged and cannot be drawn.") from error
        try:
            yield page
        finally:
            page.close()
    finally:
        document.close()


def _runs(positions: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(first index, count) of unbroken runs."""
    start = previous = None
    for position in positions:
        if position in (OURS, previous):
            continue
        if previous is not None and position == previous + 1:
            previous = position
            continue
        if start is not None and previous is not None:
            yield start, previous - start + 1
        start = previous = position
    if start is not None and previous is not None:
        yield start, previous - start + 1


def _share(value: float, whole: float) -> float:
    return min(max(value / whole, 0.0), 1.0) if whole > 0 else 0.0
