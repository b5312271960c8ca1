"""How much does a passage speak to a question? Judged without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from statistics import median

from core.text import language, matching, terms
from core.types import Candidate

COSINE_LOW, COSINE_HIGH = 0.15, 0.65
DENSE_SHARE = 0.5
UNSEEN_IDF = 6.0
"""A term that occurs nowhere weighs like a rare one: what is asked about is not there."""


def nearness(query: str, candidate: Candidate, term_idf: Mapping[str, float]) -> float:
    """0–1: half meaning, half words (share of the question's weight that the passage covers).

    Words decide alone while the vector store is down. Then those of the question's grammar are left out: in a small
    collection a "how" that no document says would outweigh everything that one says.
    """
    spoken = language.detect(query)
    if candidate.dense_score is None:
        return coverage(matching.content_terms(query, spoken), candidate, term_idf)
    meaning = min(max((candidate.dense_score - COSINE_LOW) / (COSINE_HIGH - COSINE_LOW), 0.0), 1.0)
    covered = coverage(set(terms.terms(query, spoken)), candidate, term_idf)
    return DENSE_SHARE * meaning + (1 - DENSE_SHARE) * covered


def is_near(query: str, candidate: Candidate, term_idf: Mapping[str, float], least: float) -> bool:
    """Whether a passage speaks of a question: what is not even near answers nothing.

    Of signs in no language, of which the passage has none, a model of meaning still finds something alike: it is not.
    """
    if nearness(query, candidate, term_idf) < least:
        return False
    wanted = set(terms.terms(query, language.UNDETERMINED))
    return language.detect(query) != language.UNDETERMINED or coverage(wanted, candidate, term_idf) > 0


def coverage(wanted: AbstractSet[str], candidate: Candidate, term_idf: Mapping[str, float]) -> float:
    """Share of the weight of a question's terms that the passage has."""
    weights = {term: term_idf.get(term) or UNSEEN_IDF for term in wanted}
    total = sum(weights.values())
    if not total:
        return 0.0
    chunk = candidate.chunk
    present = set(terms.terms(f"{chunk.context} {chunk.content}", chunk.language))
    return sum(weight for term, weight in weights.items() if term in present) / total


def background(candidates: Sequence[Candidate]) -> float | None:
    """Median similarity of all that was found; None where no vectors were compared."""
    known = [candidate.dense_score for candidate in candidates if candidate.dense_score is not None]
    return median(known) if known else None
