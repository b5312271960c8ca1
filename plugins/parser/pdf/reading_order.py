"""In which order are the regions of a page read?

A file may draw its regions in any order: a title last, the right column first. Two rules put them right (Breuel, High
performance document layout analysis, 2003): above comes before below where they share a vertical line, and left before
right unless something that reaches over both lies between them. Where the rules say nothing, the file's order stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plugins.parser.pdf.lines import Line

MOST_REGIONS = 60
"""A page in more regions is a drawing; its order is left alone."""
NEAR_HEIGHTS = 2.0
SLACK = 2.0


@dataclass(slots=True)
class Region:
    """Units (positions in the page's list) that follow each other downwards, and the rectangle around them."""

    units: list[int]
    left: float
    right: float
    top: float
    bottom: float


def order(units: Sequence[Sequence[Line]]) -> list[int]:
    """Positions of the units as they are read; a unit is one line, or the lines of a table."""
    regions = _regions(units)
    if not 1 < len(regions) <= MOST_REGIONS:
        return list(range(len(units)))
    before = [
        {other for other in range(len(regions)) if other != number and _precedes(regions, other, number)}
        for number in range(len(regions))
    ]
    read: list[int] = []
    waiting = list(range(len(regions)))
    while waiting:
        free = [number for number in waiting if not before[number] & set(waiting)]
        if not free:
            return list(range(len(units)))
        read.append(free[0])
        waiting.remove(free[0])
    return [unit for number in read for unit in regions[number].units]


def _regions(units: Sequence[Sequence[Line]]) -> list[Region]:
    regions: list[Region] = []
    for number, lines in enumerate(units):
        pieces = [piece for line in lines for piece in line]
        unit = Region(
            [number],
            min(piece.left for piece in pieces),
            max(piece.right for piece in pieces),
            min(piece.top for piece in pieces),
            max(piece.bottom for piece in pieces),
        )
        last = regions[-1] if regions else None
        near = NEAR_HEIGHTS * pieces[0].height
        if last and _share_a_column(last, unit) and -SLACK <= unit.top - last.bottom + pieces[0].height <= near:
            last.units.append(number)
            last.left, last.right = min(last.left, unit.left), max(last.right, unit.right)
            last.top, last.bottom = min(last.top, unit.top), max(last.bottom, unit.bottom)
        else:
            regions.append(unit)
    return regions


def _precedes(regions: Sequence[Region], first: int, second: int) -> bool:
    a, b = regions[first], regions[second]
    if _share_a_column(a, b):
        return a.bottom <= b.top + SLACK
    if a.right > b.left + SLACK:
        return False
    top, bottom = min(a.top, b.top), max(a.bottom, b.bottom)
    return not any(
        top <= c.top and c.bottom <= bottom and _share_a_column(a, c) and _share_a_column(b, c) and _apart(a, b, c)
        for number, c in enumerate(regions)
        if number not in (first, second)
    )


def _apart(a: Region, b: Region, between: Region) -> bool:
    """Whether the third lies between the other two from top to bottom."""
    upper, lower = (a, b) if a.top <= b.top else (b, a)
    return upper.bottom <= between.top + SLACK and between.bottom <= lower.top + SLACK


def _share_a_column(a: Region, b: Region) -> bool:
    return min(a.right, b.right) - max(a.left, b.left) > SLACK
