"""Which sentences and rows of a passage can be quoted, and under what do they stand?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.text import quoting, sentences
from core.types import Passage

MAX_WORDS = 80
"""Longer ones are lists of words, or no sentences at all."""
LEAD_WORDS, HEADING_WORDS = 12, 4

RULE = re.compile(r"^\|[\s:|-]+\|?$")
"""The line under the names of a table's columns."""
_BETWEEN_CELLS = re.compile(r"(?<!\\)\|")
_REFERS_BACK = re.compile(
    r"(?:it|its|they|their|them|this|these|that|he|his|she|her|er|sie|es|ihre?r?|sein\w*|diese[rs]?|dies)\b", re.I
)
"""What such a sentence speaks of stands in the one before."""
_ENDED = (".", "!", "?", "…", ":", ";", ",", "。", "！", "？")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence or table row of a passage; ``text`` is how it is quoted, ``around`` what it stands under."""

    passage: int
    text: str
    around: str
    beside: str = ""
    """The sentences before and after it in its paragraph."""


def sentences_of(passage: Passage) -> list[Sentence]:
    """In their order; without headings, names of columns and other furniture."""
    title, _, above = passage.title.partition("\n")
    # A passage that continues a table is given the header of its beginning.
    header = cells_of(above) if above.startswith("|") else []
    found: list[Sentence] = []
    heading = lead = ""
    for before, text, following in _lines(passage.text):
        around = f"{title} {heading} {lead}"
        if text.startswith("|"):
            if not RULE.match(text) and RULE.match(following):
                header = cells_of(text)
            elif not RULE.match(text):
                row = quoting.plain(_named_cells(header, cells_of(text)))
                found.append(Sentence(passage.number, row, f"{around} {' '.join(header)}"))
            continue
        header, quoted = [], quoting.plain(text)
        if text.startswith("#") or _is_heading(text, following):
            heading, lead = quoted, ""
        elif quoted and len(quoted.split()) <= MAX_WORDS:
            found.append(_sentence(passage.number, quoted, around, quoting.plain(before), quoting.plain(following)))
            lead = quoted if len(quoted.split()) <= LEAD_WORDS and quoted.endswith(":") else lead
    return found


def _sentence(number: int, text: str, around: str, before: str, following: str) -> Sentence:
    if before and _REFERS_BACK.match(text) and len(before.split()) + len(text.split()) <= MAX_WORDS:
        text, before = f"{before} {text}", ""
    return Sentence(number, text, around, f"{before} {following}".strip())


def _lines(text: str) -> Iterator[tuple[str, str, str]]:
    """Sentences and rows, each with those before and after it in its paragraph; an empty one ends a paragraph."""
    for paragraph in text.split("\n\n"):
        said = ["", *(paragraph[start:end] for start, end in sentences.split(paragraph)), "", ""]
        for (before, line), (_, following) in pairwise(pairwise(said)):
            yield before, line, following


def _is_heading(text: str, following: str) -> bool:
    """A few words on a line of their own, with something under them."""
    return (
        bool(following)
        and len(text.split()) <= HEADING_WORDS
        and not text.endswith(_ENDED)
        and not text.startswith(quoting.BULLETS)
        and not any(character.isdigit() or character == ":" for character in text)
    )


def _named_cells(header: Sequence[str], cells: Sequence[str]) -> str:
    named = zip(header, cells, strict=False) if len(header) == len(cells) else (("", cell) for cell in cells)
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in named if cell)


def cells_of(row: str) -> list[str]:
    """The cells of a row as Markdown writes it."""
    return [cell.strip() for cell in _BETWEEN_CELLS.split(row.strip().strip("|"))]
