"""How does a picture look in which a passage stands?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.errors import DocumentError, NotFoundError
from core.types import Box
from plugins.parser.ocr.pictures import opened
from plugins.parser.pdf.pages import marked

MAX_PIXELS = 80_000_000
MAX_SIDE = 4000
PAGE_HEIGHT = 842
"""Points of the longer side of A4, which a picture is shown as large as."""


def render_page(path: Path, page_number: int, scale: float, boxes: Sequence[Box]) -> bytes:
    """The picture as PNG, its longer side at most 842 times ``scale`` and 4,000 pixels, with the boxes marked.

    Raises:
        NotFoundError: There is no such page, or it is damaged.
    """
    try:
        with opened(path, MAX_PIXELS) as pictures:
            if not 1 <= page_number <= len(pictures):
                raise NotFoundError(f"There is no page {page_number}.")
            image = pictures.colour(page_number - 1)
    except DocumentError as error:
        raise NotFoundError(f"Page {page_number} is damaged and cannot be drawn.") from error
    side = min(round(PAGE_HEIGHT * scale), MAX_SIDE)
    image.thumbnail((side, side))
    return marked(image, boxes)
