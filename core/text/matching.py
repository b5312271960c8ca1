"""How much of a question do a passage and its sentences speak to?

Everything that compares texts without a model: coverage of content words weighted by rarity, numbers that must be the
same, negation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from core.text import terms

Word = tuple[str, ...]
"""The terms any of which shows that a text has the word."""

_DIGITS = re.compile(r"\d")
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|neither|nor|without|cannot|\w+n['’]t|nicht|kein\w*|nie|niemals|ohne|weder|ne|pas|jamais|aucun\w*"
    r"|sans|nunca|ningun\w*|ninguna|sin|non|mai|nessun\w*|senza|não|nenhum\w*|sem|niet|geen|zonder|не|нет|без)\b|不|没|无",
    re.I,
)
UNKNOWN_IDF = 6.0
"""Weight of a word that no document has when rarity is unknown: about that of one in 400 chunks."""


def word_weight(word: Word, term_idf: Mapping[str, float]) -> float:
    """Rarity of a word; one that occurs nowhere weighs as much as the rarest known, for it is what is missing."""
    known = [term_idf[term] for term in word if term_idf.get(term, 0.0) > 0]
    return max(known) if known else max([UNKNOWN_IDF, *term_idf.values()])


def coverage(words: Sequence[Word], found: AbstractSet[str], term_idf: Mapping[str, float]) -> float:
    """Share of the words, by rarity, that the terms found have; 0 when there are no words."""
    weights = [word_weight(word, term_idf) for word in words]
    total = sum(weights)
    got = sum(weight for word, weight in zip(words, weights, strict=True) if not found.isdisjoint(word))
    return got / total if total else 0.0


def term_set(text: str, language: str) -> frozenset[str]:
    """The terms of a text, each once."""
    return frozenset(terms.terms(text, language))


def numbers(text: str) -> frozenset[str]:
    """Numbers and codes with digits, in one spelling each."""
    return frozenset(term for term in terms.terms(text, "und") if _DIGITS.search(term))


def negated(text: str) -> bool:
    """Whether an odd number of negations stands in the text."""
    return len(_NEGATION.findall(text)) % 2 == 1
