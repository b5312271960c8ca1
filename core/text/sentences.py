"""Where do sentences begin and end?"""

from __future__ import annotations

import re
from collections.abc import Iterator

_NUMBERS = r"[^\S\n]*\d{1,3}(?:[^\S\n]*[,;][^\S\n]*\d{1,3})*[^\S\n]*"
_MARKERS = rf"(?:[,;]?\s?[\[【]{_NUMBERS}[\]】])"
"""Citation markers belong to the sentence they follow."""
_CLOSERS = r"[\"'”’»)\]]*"
_BREAK = re.compile(
    rf"(?<=[.!?…])(?:(?P<cited>{_CLOSERS}{_MARKERS}+)\s*|(?P<tail>{_CLOSERS})\s+)"
    rf"|(?<=[。！？])(?P<cjk>[”」』）]*{_MARKERS}*)|\n+"
)
_ENDS_IN_MARKER = re.compile(rf"{_MARKERS}$")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:e\.g|i\.e|z\.\s?B|d\.\s?h|u\.\s?a|bzw|ca|vgl|Nr|Abs|Art|Dr|Mr|Mrs|Ms|Prof|St|No|Fig|Eq|Sec|vs|etc|al|"
    r"approx|Inc|Ltd|Co|Corp|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|[A-Za-z])\.$"
)
ROW = "|"
_NUMBERED = re.compile(r"^\s*(?:\d{1,3}|[a-zA-Z])[.)]$")


def split(text: str) -> list[tuple[int, int]]:
    """Spans of sentences without surrounding space, in order.

    Lines are kept apart (list items, table rows) unless a line plainly runs on into the next one; a row of a table
    stays whole, whatever stands in its cells.
    """
    return list(spans(text))


def spans(text: str) -> Iterator[tuple[int, int]]:
    """The same one by one, for callers that need only the first."""
    start = 0
    for match in _BREAK.finditer(text):
        latin = match["cited"] or match["tail"]
        tail = latin or match["cjk"] or ""
        end = match.start() + len(tail)
        if "\n" in match.group():
            if _runs_on(text, start, end, match.end()):
                continue
        elif text[start] == ROW or (latin is not None and _not_an_end(text[start : match.start()])):
            continue
        yield from _visible(text, start, end)
        start = match.end()
    yield from _visible(text, start, len(text))


def _not_an_end(sentence: str) -> bool:
    tail = sentence[-24:]
    return bool(_ABBREVIATION.search(tail) or _NUMBERED.match(sentence))


def _runs_on(text: str, start: int, end: int, following: int) -> bool:
    """A wrapped line: no end mark, long enough to have been wrapped, and the next line goes on in lower case."""
    line = text[text.rfind("\n", 0, end) + 1 : end].rstrip()
    if following - end > 1 or not line or following >= len(text) or "|" in line:
        return False
    ended = line[-1] in ".!?…:;。！？" or _ENDS_IN_MARKER.search(line) is not None
    bullet = re.match(r"\s*(?:[-*•–]|\d+[.)])\s", text[following : following + 8]) is not None
    wrapped = len(line) >= 60 or text[following].islower()
    return not ended and not bullet and wrapped and end > start


def _visible(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        first = start + len(piece) - len(piece.lstrip())
        yield first, first + len(stripped)
