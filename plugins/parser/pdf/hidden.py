"""Which words of a page does nobody see?

White on white, transparent, in invisible ink, or too small to read. What looks suspicious by its colour is compared
with the drawn page: where the paper under a word is of one colour, there is nothing to see. Words in invisible ink over
a scan are its text, and stay.
"""

from __future__ import annotations

import ctypes
import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

SMALLEST_POINTS = 1.5
PALE = 225
"""From this value of every colour, a letter may be invisible on paper."""
FAINT = 25
CONTRAST = 12
"""Difference of grey values that an eye sees."""
INVISIBLE_INK = 3
SCAN = 0.4
"""Share of the page from which a picture counts as a scan with its words under it."""
SCALE = 2.0
MOST_PIXELS = 16_000_000
Rectangle: TypeAlias = tuple[float, float, float, float]
"""Left, bottom, right, top in points."""
_WORD = re.compile(r"\S+")
_SAYS_SOMETHING = re.compile(r"\w\w")


def hidden_spans(textpage: Any, text: str, positions: Sequence[int]) -> list[tuple[int, int]]:
    """Spans of the text that cannot be seen, neighbouring words together."""
    import pypdfium2.raw as pdfium

    tiny, suspicious = [], []
    known: dict[int, tuple[bool, bool]] = {}
    scans = functools.cache(lambda: _scans(textpage.page))
    for match in _WORD.finditer(text):
        position = next((positions[i] for i in range(match.start(), match.end()) if positions[i] >= 0), None)
        if position is None:
            continue
        drawn = pdfium.FPDFText_GetTextObject(textpage, position)
        key = ctypes.addressof(drawn.contents) if drawn else -1
        if key not in known:
            known[key] = (_too_small(textpage, position), _suspicious(textpage, position, drawn, scans))
        small, doubtful = known[key]
        if small:
            tiny.append(match.span())
        elif doubtful:
            suspicious.append(match.span())
    unseen = _unseen(textpage, positions, suspicious) if suspicious else []
    spans = _joined(sorted([*tiny, *unseen]), text)
    return [(start, end) for start, end in spans if _SAYS_SOMETHING.search(text, start, end)]


def _too_small(textpage: Any, position: int) -> bool:
    left, bottom, right, top = textpage.get_charbox(position, loose=True)
    return bool(max(abs(top - bottom), abs(right - left)) < SMALLEST_POINTS)


def _scans(page: Any) -> list[Rectangle]:
    """Pictures that may show the words that lie over them unseen."""
    import pypdfium2.raw as pdfium

    width, height = page.get_size()
    bounds = [thing.get_bounds() for thing in page.get_objects(filter=(pdfium.FPDF_PAGEOBJ_IMAGE,), max_depth=3)]
    return [b for b in bounds if (b[2] - b[0]) * (b[3] - b[1]) > SCAN * width * height]


def _suspicious(textpage: Any, position: int, drawn: Any, scans: Callable[[], Sequence[Rectangle]]) -> bool:
    import pypdfium2.raw as pdfium

    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    if pdfium.FPDFText_GetFillColor(textpage, position, red, green, blue, alpha) and (
        alpha.value < FAINT or min(red.value, green.value, blue.value) >= PALE
    ):
        return True
    if not drawn or pdfium.FPDFTextObj_GetTextRenderMode(drawn) != INVISIBLE_INK:
        return False
    left, bottom, right, top = textpage.get_charbox(position, loose=True)
    x, y = (left + right) / 2, (bottom + top) / 2
    return not any(scan[0] <= x <= scan[2] and scan[1] <= y <= scan[3] for scan in scans())


def _unseen(textpage: Any, positions: Sequence[int], spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    page = textpage.page
    left, bottom, right, top = page.get_cropbox()
    scale = min(SCALE, (MOST_PIXELS / max((right - left) * (top - bottom), 1)) ** 0.5)
    picture = page.render(scale=scale, grayscale=True).to_pil().convert("L")
    unseen = []
    for start, end in spans:
        boxes = [textpage.get_charbox(p, loose=False) for p in positions[start:end] if p >= 0]
        area = (
            max(int((min(b[0] for b in boxes) - left) * scale), 0),
            max(int((top - max(b[3] for b in boxes)) * scale), 0),
            min(int((max(b[2] for b in boxes) - left) * scale) + 1, picture.width),
            min(int((top - min(b[1] for b in boxes)) * scale) + 1, picture.height),
        )
        if area[0] >= area[2] or area[1] >= area[3]:
            unseen.append((start, end))
            continue
        darkest, brightest = picture.crop(area).getextrema()
        if brightest - darkest < CONTRAST:
            unseen.append((start, end))
    return unseen


def _joined(spans: Sequence[tuple[int, int]], text: str) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and not text[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
