"""Where did recognition see the words of a citation?

Words are kept with a page as ``[start, end, left, top, right, bottom]``; characters count as in its text, sides are
fractions of the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.types import Box, JsonValue, Word

DIGITS = 5
"""A page has fewer pixels than that can tell apart."""


def stored(words: Iterable[Word]) -> list[JsonValue]:
    """The words as they are kept."""
    return [
        [word.start, word.end, *(round(side, DIGITS) for side in (box.left, box.top, box.right, box.bottom))]
        for word in words
        for box in [word.box]
    ]


def boxes(places: object, char_start: int, char_end: int) -> list[Box]:
    """One rectangle for each line of the words that the span touches."""
    found: list[Box] = []
    for start, end, *sides in places if isinstance(places, Sequence) else ():
        if start < char_end and end > char_start:
            box = Box(*sides)
            if found and _same_line(found[-1], box):
                found[-1] = _around(found[-1], box)
            else:
                found.append(box)
    return found


def _same_line(last: Box, box: Box) -> bool:
    """Whether the word goes on to the right of the last one, at its height."""
    middle = (box.top + box.bottom) / 2
    return last.top <= middle <= last.bottom and box.left >= last.left


def _around(one: Box, other: Box) -> Box:
    return Box(
        min(one.left, other.left),
        min(one.top, other.top),
        max(one.right, other.right),
        max(one.bottom, other.bottom),
    )
