"""Where do the lines of a page stand, and at which wide gaps do they fall apart?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

GAP_HEIGHTS = 0.9
"""A gap wider than so many heights of a letter divides pieces."""
GAP_POINTS = 6.0
_WORD = re.compile(r"\S+")
_BEFORE_A_NUMBER = re.compile(r"[$€£¥₹(]+")
_AFTER_A_NUMBER = re.compile(r"[%)*†‡]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """Text between wide gaps: ``text[start:end]`` and where it stands, in points, y growing downwards."""

    start: int
    end: int
    left: float
    right: float
    top: float
    bottom: float

    @property
    def height(self) -> float:
        """Of its letters."""
        return max(self.bottom - self.top, 1.0)

    @property
    def middle(self) -> float:
        """Half way between top and bottom."""
        return (self.top + self.bottom) / 2


Line = list[Piece]


def lines_of(textpage: Any, text: str, positions: Sequence[int]) -> Iterator[Line]:
    """Lines in the order of the text, each with its pieces."""
    start = 0
    for content in text.split("\n"):
        end = start + len(content)
        if content.strip():
            yield _with_signs(_pieces(textpage, text, positions, start, end), text)
        start = end + 1


def _pieces(textpage: Any, text: str, positions: Sequence[int], start: int, end: int) -> Line:
    words = [part for word in _words(text, start, end) for part in _apart(textpage, positions, *word)]
    begin, index = words[0]
    left, top, right, bottom = _box(textpage, positions[begin])
    pieces: Line = []
    for following, following_end in words[1:]:
        before, after = _box(textpage, positions[index - 1]), _box(textpage, positions[following])
        top, bottom, right = min(top, before[1]), max(bottom, before[3]), before[2]
        if _is_wide(after[0] - before[2], bottom - top):
            pieces.append(Piece(begin, index, left, right, top, bottom))
            begin = following
            left, top, right, bottom = after
        index = following_end
    last = _box(textpage, positions[index - 1])
    pieces.append(Piece(begin, index, left, last[2], min(top, last[1]), max(bottom, last[3])))
    return pieces


def _words(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    return (match.span() for match in _WORD.finditer(text, start, end))


def _apart(textpage: Any, positions: Sequence[int], start: int, end: int) -> Iterator[tuple[int, int]]:
    """A word, or its parts: marks such as the crosses in a row of a table have no blank between them, however far apart
    they stand."""
    first, last = _box(textpage, positions[start]), _box(textpage, positions[end - 1])
    begin = start
    if last[2] - first[0] > (end - start) * (last[3] - last[1]):
        boxes = [_box(textpage, position) for position in positions[start:end]]
        for index, (before, after) in enumerate(pairwise(boxes), start=start + 1):
            if _is_wide(after[0] - before[2], before[3] - before[1]):
                yield begin, index
                begin = index
    yield begin, end


def _is_wide(gap: float, height: float) -> bool:
    return gap > max(GAP_POINTS, GAP_HEIGHTS * height)


def _with_signs(pieces: Line, text: str) -> Line:
    """Signs that stand far from their number, such as the dollar at the left edge of a cell, belong to it."""
    joined: Line = []
    for piece in pieces:
        said = text[piece.start : piece.end]
        if joined and (
            _BEFORE_A_NUMBER.fullmatch(text[joined[-1].start : joined[-1].end]) or _AFTER_A_NUMBER.fullmatch(said)
        ):
            last = joined[-1]
            joined[-1] = replace(
                last,
                end=piece.end,
                right=piece.right,
                top=min(last.top, piece.top),
                bottom=max(last.bottom, piece.bottom),
            )
        else:
            joined.append(piece)
    return joined


def _box(textpage: Any, position: int) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of a character's place in its line, whatever its shape; y growing downwards."""
    import pypdfium2.raw as pdfium

    place = pdfium.FS_RECTF()
    pdfium.FPDFText_GetLooseCharBox(textpage, position, place)
    return place.left, -place.top, place.right, -place.bottom
