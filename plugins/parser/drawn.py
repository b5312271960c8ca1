"""What does the limited process do when a page is to be drawn? Light to import: the process is started for it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

# Here rather than with the first page, for ``PageDrawer.warm``.
import PIL.Image  # noqa: F401
import pypdfium2  # noqa: F401

from core.errors import DocumentError, NotFoundError
from core.types import Box
from plugins.parser import pages


def drawn(path: Path, order: dict[str, Any]) -> dict[str, Any]:
    """What the limited process answers to an order to draw.

    Raises:
        DocumentError: There is no such page.
    """
    boxes, quote = [Box(*sides) for sides in order["boxes"]], order["quote"]
    try:
        if quote and not boxes:
            boxes = pages.page_boxes(path, order["page"], quote["start"], quote["end"], quote["text"])
        png = pages.render_page(path, order["page"], order["scale"], boxes)
    except NotFoundError as error:
        raise DocumentError(error.message, failure_code=pages.GONE, next_step="") from error
    marks = [[box.left, box.top, box.right, box.bottom] for box in boxes]
    return {"drawn": {"png": base64.b64encode(png).decode(), "boxes": marks}}
