"""Does a passage carry what a sentence says?

Terms overlap, and numbers must agree: a sentence with a number its passage does not have is not supported, however
alike the words are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from core.events import Support
from core.text import language, sentences, terms

SUPPORTED = 0.6
PARTLY = 0.3
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_CODE = re.compile(r"\b[A-Z][A-Z0-9]*(?:-\w+)+")
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|without|cannot|nicht|kein\w*|nie|ohne|ne|pas|jamais|sans|nunca|sin)\b|n't\b"
)


@dataclass(frozen=True, slots=True)
class Check:
    """How well a sentence stands."""

    support: Support
    score: float


def check(sentence: str, passages: Sequence[str]) -> Check:
    """Hold a sentence (without markers) against the passages it cites; no passages means no support."""
    spoken = language.detect(sentence)
    if not terms.terms(sentence, spoken):
        return Check(Support.NOT_A_CLAIM, 0.0)
    if not passages:
        return Check(Support.UNSUPPORTED, 0.0)
    together = "\n".join(passages)
    written = language.detect(together)
    found = set(terms.terms(together, written))
    # Of a short sentence the language is a guess; in the wrong one its words have other stems.
    share = max(_share(set(terms.terms(sentence, code)), found) for code in (spoken, written))
    if not agree(sentence, together):
        return Check(Support.UNSUPPORTED, min(share, PARTLY))
    if _NEGATION.search(sentence.lower()) and not _NEGATION.search(together.lower()):
        return Check(Support.PARTLY if share >= PARTLY else Support.UNSUPPORTED, share)
    if share >= SUPPORTED:
        return Check(Support.SUPPORTED, share)
    return Check(Support.PARTLY if share >= PARTLY else Support.UNSUPPORTED, share)


def _share(wanted: AbstractSet[str], found: AbstractSet[str]) -> float:
    return len(wanted & found) / len(wanted) if wanted else 0.0


def agree(sentence: str, passages: str) -> bool:
    """Whether all numbers of a sentence stand in the passages, and those outside of codes outside of them.

    TX-120 is no 120.
    """
    return numbers(sentence) <= numbers(passages) and numbers(_CODE.sub(" ", sentence)) <= numbers(
        _CODE.sub(" ", passages)
    )


def numbers(text: str) -> frozenset[str]:
    """Numbers without their thousands separators, so that 2,000 and 2000 agree."""
    return frozenset(re.sub(r"[.,](?=\d{3}\b)", "", match).replace(",", ".") for match in _NUMBER.findall(text))


def best_span(sentence: str, passage: str) -> tuple[int, int]:
    """The sentence or row of a passage that comes nearest, for the highlight; the whole passage when none does."""
    wanted = set(terms.terms(sentence, language.detect(sentence)))
    best, best_score = (0, len(passage)), 0.0
    code = language.detect(passage)
    for start, end in sentences.split(passage):
        found = set(terms.terms(passage[start:end], code))
        if not found:
            continue
        shared = len(wanted & found)
        score = shared / (len(wanted) or 1) + 0.2 * shared / len(found)
        if score > best_score:
            best, best_score = (start, end), score
    return best
