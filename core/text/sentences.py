"""Where do sentences begin and end?"""

from __future__ import annotations

import re

_BREAK = re.compile(r"(?<=[.!?…؟।])[\"'”’»)\]]*[^\S\n]*(?:\s|$)|(?<=[。！？])[」』”’）]*|\n+")
_ALWAYS_SHORT = re.compile(
    r"(?:^|[\s(])(?:e\.g|i\.e|z\.\s?B|d\.\s?h|u\.\s?a|o\.\s?ä|bzw|ca|vgl|evtl|ggf|inkl|zzgl|Dr|Mr|Mrs|Ms|Prof|Hr|Fr|Sr|Sra|"
    r"St|vs|approx|Str|Tel|al|[A-Za-z])\.$"
)
_SHORT_BEFORE_NUMBER = re.compile(
    r"(?:^|[\s(])(?:No|Nr|Nos|Abs|Art|Fig|Figs|Abb|Tab|Eq|Sec|Ch|Kap|S|p|pp|Vol|Rs|Az|"
    r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Okt|Nov|Dec|Dez)\.$"
)
_MAYBE_END = re.compile(r"(?:^|[\s(])(?:(?:[A-Za-z]\.){2,}|(?:Inc|Ltd|Co|Corp|Jr|Sr|GmbH|usw|etc)\.)$")
_STARTER = re.compile(r"(?:The|This|These|It|In|He|She|They|We|You|If|A|An|Der|Die|Das|Sie|Er|Es|Wir|Ein|Eine)\b")
_ORDINAL = re.compile(r"(?:^|[\s(])\d{1,2}\.$")
_MONTH = re.compile(r"(?:Jan|Feb|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez|Quartal|Jahrhundert)")
_NUMBERED = re.compile(r"^\s*(?:\d{1,3}|[a-zA-Z])[.)]$")
_BULLET = re.compile(r"\s*(?:[-*•–▪◦]|\d{1,3}[.)]|[a-z]\))\s")
_ENDED = frozenset(".!?…:;。！？؟।")
WRAPPED_LINE = 60
"""A line of at least so many characters without an end mark probably goes on in the next one."""


def split(text: str, language: str = "und") -> list[tuple[int, int]]:
    """Spans of sentences without surrounding space, in order.

    Lines are kept apart (headings, list items, table rows) unless a line plainly runs on into the next one.

    Args:
        language: Decides whether ``3.`` may be an ordinal, as in German dates.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _BREAK.finditer(text):
        if match.end() <= start:
            continue
        if match.group().startswith("\n"):
            if _runs_on(text, start, match.start(), match.end()):
                continue
        elif "\n" not in match.group() and _goes_on(text, start, match.start(), match.end(), language):
            continue
        _add(spans, text, start, match.end())
        start = match.end()
    _add(spans, text, start, len(text))
    return spans


def _goes_on(text: str, start: int, end: int, following: int, language: str) -> bool:
    """Whether the full stop before ``end`` belongs to an abbreviation, an ordinal or a list number."""
    if end == 0 or text[end - 1] != ".":
        return False
    upcoming = text[following : following + 12]
    if upcoming[:1].islower():
        return True
    tail = text[max(start, end - 24) : end]
    if _ALWAYS_SHORT.search(tail) or _NUMBERED.match(text[start:end][-6:] if end - start <= 6 else ""):
        return True
    if upcoming[:1].isdigit() and _SHORT_BEFORE_NUMBER.search(tail):
        return True
    if language == "de" and _ORDINAL.search(tail) and _MONTH.match(upcoming):
        return True
    return bool(_MAYBE_END.search(tail)) and bool(upcoming) and not _STARTER.match(upcoming)


def _runs_on(text: str, start: int, end: int, following: int) -> bool:
    """A wrapped line: no end mark, long enough to have been wrapped or followed by a small letter, no list or table."""
    line = text[text.rfind("\n", 0, end) + 1 : end].rstrip()
    after = text[following : following + 200].split("\n", 1)[0]
    if following - end > 1 or not line or not after or end <= start:
        return False
    if any(sign in line or sign in after for sign in ("|", "\t")):
        return False
    wrapped = len(line) >= WRAPPED_LINE or after[0].islower()
    return line[-1] not in _ENDED and _BULLET.match(after) is None and wrapped


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        first = start + len(piece) - len(piece.lstrip())
        spans.append((first, first + len(stripped)))
