"""How much of a question does a text speak to? Compared without a model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from core.text import terms
from core.text.function_words import ASKING
from core.text.language import UNDETERMINED

UNKNOWN_IDF = 6.0
"""Weight of a word that no document has: about that of one in 400 chunks."""
RELATED = 0.6
"""What a related word counts: ``temperature`` for ``Temperatur``, ``Kilometer`` for ``Kilometergeld``."""
_STEM_LETTERS = 5


def content_terms(question: str, language: str) -> frozenset[str]:
    """Terms of a question without the words that only ask; all of them when nothing else is left."""
    asking = ASKING.get(language, ASKING["en"] if language == UNDETERMINED else frozenset())
    words = " ".join(word for word in question.split() if word.strip("?!.,;:¿¡\"'()").casefold() not in asking)
    return frozenset(terms.terms(words, language)) or frozenset(terms.terms(question, language))


def coverage(wanted: AbstractSet[str], present: AbstractSet[str], idf: Mapping[str, float]) -> float:
    """Share of the wanted terms, weighed by rarity, that are present or have a relative that is; 0 without any."""
    weights = {term: idf.get(term) or UNKNOWN_IDF for term in wanted}
    total = sum(weights.values())
    if not total:
        return 0.0
    return sum(weight * likeness(term, present) for term, weight in weights.items()) / total


def likeness(term: str, present: AbstractSet[str]) -> float:
    """1 for the term itself, ``RELATED`` for one that begins alike, else 0."""
    if term in present:
        return 1.0
    if len(term) < _STEM_LETTERS or any(c.isdigit() for c in term):
        return 0.0
    return RELATED if any(_related(term, other) for other in present) else 0.0


def rarity(bags: Iterable[AbstractSet[str]]) -> dict[str, float]:
    """Inverse document frequency of every term over a few texts."""
    counts: dict[str, int] = {}
    total = 0
    for bag in bags:
        total += 1
        for term in bag:
            counts[term] = counts.get(term, 0) + 1
    return {term: math.log(1 + (total - count + 0.5) / (count + 0.5)) for term, count in counts.items()}


def _related(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) < _STEM_LETTERS:
        return False
    if longer.startswith(shorter) or longer.endswith(shorter):
        return True
    shared = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        shared += 1
    return shared >= max(_STEM_LETTERS, 0.75 * len(longer))
