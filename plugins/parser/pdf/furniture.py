"""Which lines of the pages are running heads, feet and page numbers?

They stand at the same edge of many pages and say the same, or the same but for a number that grows with the pages. They
stay in the page's text, so that places stay right, and are left out of chunks (``BlockKind.FURNITURE``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

EDGE = 0.12
"""Share of a page's height at its top and at its bottom where they are looked for."""
MIN_PAGES = 3
NEAREST_PAGES = 4
"""A head of one chapter repeats on pages that are no further apart than this."""
LONGEST = 200
_NUMBER = re.compile(r"\d{1,4}")
_ALONE = re.compile(
    r"(?:page|seite|página|pagina|p\.|s\.)\s*(\d{1,4})\s*(?:of|von|de|di|sur|/)\s*\d{1,4}", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class EdgeLine:
    """``text`` is page.text[start:end]; ``height`` its place as a share of the page's height from the top."""

    start: int
    end: int
    text: str
    height: float


def is_at_edge(height: float) -> bool:
    """Whether a line at that height may be furniture."""
    return height < EDGE or height > 1 - EDGE


def furniture(pages: Mapping[int, Sequence[EdgeLine]]) -> dict[int, list[tuple[int, int]]]:
    """Spans by page number. ``pages`` holds the lines at the edges of each page."""
    places: dict[tuple[str, bool], list[tuple[int, EdgeLine]]] = defaultdict(list)
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for number, lines in pages.items():
        for line in lines:
            if len(line.text) > LONGEST:
                continue
            if _ALONE.fullmatch(line.text):
                found[number].append((line.start, line.end))
                continue
            for key in _keys(line.text, number):
                places[key, line.height < 0.5].append((number, line))
    for seen in places.values():
        numbers = sorted({number for number, _ in seen})
        repeated = len(numbers) >= MIN_PAGES and _close(numbers)
        if repeated:
            for number, line in seen:
                found[number].append((line.start, line.end))
    return {number: sorted(set(spans)) for number, spans in found.items()}


def _keys(text: str, page: int) -> set[str]:
    """What repeats: the line itself, and the line with a number in it counted from the page's."""
    said = " ".join(text.casefold().split())
    keys = {said} if not said.isdecimal() else set()
    for match in _NUMBER.finditer(said):
        keys.add(f"{said[: match.start()]}#{int(match.group()) - page}{said[match.end() :]}")
    return keys


def _close(numbers: Sequence[int]) -> bool:
    """Whether at least three of the pages lie near each other."""
    return any(
        third - first <= 2 * NEAREST_PAGES for first, third in zip(numbers, numbers[MIN_PAGES - 1 :], strict=False)
    )
