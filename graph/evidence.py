"""How much do passages speak to a question? Judged without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from core.text import language, matching, terms
from core.types import Candidate

LOOKED_AT = 3
COSINE_LOW, COSINE_HIGH = 0.15, 0.65
DENSE_SHARE = 0.5
UNSEEN_IDF = 6.0
"""A term that occurs nowhere weighs like a rare one: what is asked about is not there."""


def evidence_score(query: str, evidence: Sequence[Candidate], term_idf: Mapping[str, float]) -> float:
    """Half meaning (best cosine), half words (share of the question's weight that one passage covers).

    Words decide alone while the vector store is down. Then those of the question's grammar are left out: in a small
    collection a "how" that no document says would outweigh everything that one says.
    """
    if not evidence:
        return 0.0
    cosines = [candidate.dense_score for candidate in evidence[:LOOKED_AT] if candidate.dense_score is not None]
    spoken = language.detect(query)
    wanted = set(terms.terms(query, spoken)) if cosines else matching.content_terms(query, spoken)
    covered = max(coverage(wanted, candidate, term_idf) for candidate in evidence[:LOOKED_AT])
    if not cosines:
        return covered
    meaning = (max(cosines) - COSINE_LOW) / (COSINE_HIGH - COSINE_LOW)
    return DENSE_SHARE * min(max(meaning, 0.0), 1.0) + (1 - DENSE_SHARE) * covered


def coverage(wanted: AbstractSet[str], candidate: Candidate, term_idf: Mapping[str, float]) -> float:
    """Share of the weight of a question's terms that the passage has."""
    weights = {term: term_idf.get(term) or UNSEEN_IDF for term in wanted}
    total = sum(weights.values())
    if not total:
        return 0.0
    chunk = candidate.chunk
    present = set(terms.terms(f"{chunk.context} {chunk.content}", chunk.language))
    return sum(weight for term, weight in weights.items() if term in present) / total
