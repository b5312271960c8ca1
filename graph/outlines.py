"""What does a document say in a few of its own sentences, and which of them speak most of a thing?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.text import language, matching, quoting, sentences, terms
from core.types import Candidate, Chunk
from graph.nearness import shortened
from graph.quoting import piece
from graph.tables import tables_of

MAX_HEADING = 80
MIN_WORDS = 5
DEEPEST = 6
UNMARKED = 2
"""Level of a heading that has no sign of one."""
SPEAKS = 0.34
"""Share of the words of a thing, by their rarity, that a sentence must have with the headings above it."""
EQUALS = 0.9
"""Share of the best from which on others speak of it as much."""
LOOKED_THROUGH = 8
_RULE = re.compile(r"^[\s:|*_=-]+$")
_NO_PROSE = re.compile(r"^[|>]| \| |^\*\*[^*]*\*\*:?$")


@dataclass(frozen=True, slots=True)
class Line:
    """A piece of a document as it is quoted, under the heading above it."""

    source: Chunk
    heading: str
    quote: str
    level: int = UNMARKED


@dataclass(frozen=True, slots=True)
class Outline:
    """Sections with one sentence each, in their order, and how many more sections there are."""

    lines: tuple[Line, ...]
    left_out: int


def outline(chunks: Sequence[Chunk], *, limit: int) -> Outline:
    """A document in at most so many lines: of its highest sections, as many levels down as have room."""
    sections = list(_sections(chunks))
    for deepest in range(DEEPEST, 0, -1):
        kept = [line for line in sections if line.level <= deepest]
        if 1 < len(kept) <= limit:
            return Outline(tuple(kept), 0)
    return Outline(tuple(sections[:limit]), max(len(sections) - limit, 0))


def _sections(chunks: Sequence[Chunk]) -> Iterator[Line]:
    """Each heading with the first sentence below it; where there is none, the first row."""
    heading, level, waiting, rows = "", 1, True, None
    for chunk, start, end in _spans(chunks):
        text = chunk.content[start:end]
        if name := _heading(text, chunk):
            if rows is not None and waiting:
                yield rows
            heading, level, waiting, rows = name, _level(text), True, None
        elif waiting and text.startswith("|") and not _RULE.match(text):
            quote = "" if rows else row_text(chunk, start)
            rows = Line(piece(chunk, start, end), heading, quote, level) if quote else rows
        elif waiting and len(text.split()) >= MIN_WORDS and not _NO_PROSE.search(text):
            yield Line(piece(chunk, start, end), heading, shortened(quoting.plain(text)), level)
            waiting = False
    if rows is not None and waiting:
        yield rows


def _spans(chunks: Sequence[Chunk]) -> Iterator[tuple[Chunk, int, int]]:
    """Sentences and rows of a document in order, none twice where chunks overlap."""
    page, position = -1, -1
    for chunk in chunks:
        if chunk.page != page:
            page, position = chunk.page, -1
        for start, end in sentences.split(chunk.content):
            if chunk.content.startswith("#", start):
                # A heading is its line: the number it begins with is no sentence.
                line_end = chunk.content.find("\n", start)
                end = line_end if line_end >= 0 else len(chunk.content)
            if chunk.char_start + start >= position:
                yield chunk, start, end
                position = chunk.char_start + end


def _heading(text: str, chunk: Chunk) -> str:
    """The name of a section, where a line is one: it is marked, or short and no sentence."""
    name = " ".join(text.lstrip("#> ").replace("**", "").split())
    if text.startswith("#") or name in chunk.heading_path:
        return name[:MAX_HEADING]
    plain = len(name) <= MAX_HEADING and name[-1:].isalnum() and not text.startswith(("|", "-", "*", "•", ">"))
    return name if plain and "|" not in name and ": " not in name else ""


def _level(text: str) -> int:
    return len(text) - len(text.lstrip("#")) or UNMARKED


def row_text(chunk: Chunk, start: int) -> str:
    """A row with the names of its columns; empty for the names alone."""
    for table in tables_of([chunk]):
        for row in table.rows:
            if row.chunk.char_start == chunk.char_start + start:
                return " · ".join(f"{name}: {cell}" for name, cell in row.cells.items())
    return ""


def speaking_of(
    thing: str, candidates: Sequence[Candidate], term_idf: Mapping[str, float], *, limit: int
) -> list[Line]:
    """The sentences and rows that have most of a thing's words, the headings above them counted in; best first."""
    wanted = matching.content_terms(thing, language.detect(thing))
    found: list[tuple[float, Line]] = []
    for candidate in candidates[:LOOKED_THROUGH]:
        chunk = candidate.chunk
        above = terms.terms(f"{chunk.context} {' '.join(chunk.heading_path)}", chunk.language)
        for _, start, end in _spans([chunk]):
            text = chunk.content[start:end]
            if _heading(text, chunk) or _RULE.match(text) or len(text.split()) < MIN_WORDS:
                continue
            own = terms.terms(text, chunk.language)
            share = matching.coverage(wanted, frozenset([*own, *above]), term_idf)
            if share < SPEAKS or not matching.coverage(wanted, frozenset(own), term_idf):
                continue
            if quote := row_text(chunk, start) if text.startswith("|") else shortened(quoting.plain(text)):
                found.append((share, Line(piece(chunk, start, end), (*chunk.heading_path, "")[-1], quote)))
    best = max((share for share, _ in found), default=0.0)
    return [line for share, line in sorted(found, key=lambda one: -one[0]) if share >= EQUALS * best][:limit]
