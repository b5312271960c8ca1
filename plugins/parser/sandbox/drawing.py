"""How is a page of an untrusted file drawn without risk to the process that shows it?

By the same kind of limited process that reads files: what breaks, hangs or eats memory there ends nobody else.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

from core.errors import DocumentError, NotFoundError
from core.types import Box
from plugins.parser.pages import GONE
from plugins.parser.sandbox.pool import ParseLimits, ParserPool

log = structlog.get_logger(__name__)

LIMITS = ParseLimits(memory_mb=2048, cpu_s=30, wall_s=30)


@dataclass(frozen=True, slots=True)
class Quote:
    """Characters of the page's text that are looked for and marked, and what stood there when it was read."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """A PNG, and the places that are marked in it."""

    png: bytes
    boxes: tuple[Box, ...]


class PageDrawer:
    """Draws pages of PDF files and pictures, one at a time; its process is started with the first, or before it."""

    def __init__(self, limits: ParseLimits = LIMITS) -> None:
        self._pool = ParserPool(1, limits)

    async def warm(self) -> None:
        """Have the process running, with what it draws with loaded: that takes ten times as long as a page does."""
        try:
            await self._pool.warm("plugins.parser.drawn")
        except (OSError, TimeoutError) as error:
            # Whoever asks for a page is told what is wrong.
            log.warning("drawing_process_not_started", reason=type(error).__name__)

    async def draw(
        self, path: Path, page: int, scale: float, *, quote: Quote | None = None, boxes: Sequence[Box] = ()
    ) -> DrawnPage:
        """A page with boxes marked: those given, else those of the quote.

        Raises:
            NotFoundError: There is no such page, or it cannot be drawn.
        """
        marks = [[box.left, box.top, box.right, box.bottom] for box in boxes]
        order = {"page": page, "scale": scale, "quote": asdict(quote) if quote else None, "boxes": marks}
        try:
            answer = await self._pool.ask({"draw": order}, path)
        except DocumentError as error:
            raise NotFoundError(
                error.message if error.failure_code == GONE else "This page cannot be drawn; the file may be damaged.",
                next_step="Open the passage as text.",
            ) from error
        drawn = answer["drawn"]
        return DrawnPage(base64.b64decode(drawn["png"]), tuple(Box(*sides) for sides in drawn["boxes"]))

    async def close(self) -> None:
        """End the process."""
        await self._pool.close()
