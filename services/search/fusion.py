"""How do two rankings become one?

Convex combination of scores, each scaled by what nothing has and by the query's maximum (Bruch, Gai and Ingber 2023,
"An Analysis of Fusion Functions for Hybrid Retrieval"); reciprocal rank fusion (Cormack et al. 2009) where one side is
too thin for its maximum to mean anything.

Words cannot know a text in another language than the question's. There the side that can, speaks for both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from uuid import UUID

from core.types import HybridHit

OPPOSITE, FLOOR, UNRELATED = -1.0, -0.25, 0.0
"""Similarities (``core.similarity``): the least there is; what counts nothing (measured: docs/evaluation.md); that of
texts on different things."""
RRF_K = 60
THIN = 3
"""With fewer scores on a side than this, ranks are fused instead."""
NONE: AbstractSet[UUID] = frozenset()


def convex(hits: Sequence[HybridHit], dense_weight: float, foreign: AbstractSet[UUID] = NONE) -> dict[UUID, float]:
    """Fused score per id, 1 at most; a side that did not see a hit gives it nothing.

    Args:
        dense_weight: Share of the dense side, 0–1; 0 is BM25 alone, 1 is dense alone.
        foreign: Hits in another language than the question's.
    """
    dense = _scaled(hits, _similarity, FLOOR) or _scaled(hits, _similarity, OPPOSITE)
    related = _scaled(hits, _similarity, UNRELATED) if foreign else {}
    sparse = _scaled(hits, lambda hit: hit.sparse_score, 0.0)
    scores = {}
    for hit in hits:
        meaning, words = dense.get(hit.id, 0.0), sparse.get(hit.id, 0.0)
        if hit.id in foreign:
            words = max(words, related.get(hit.id, 0.0))
        scores[hit.id] = dense_weight * meaning + (1 - dense_weight) * words
    return scores


def reciprocal_rank(
    hits: Sequence[HybridHit], dense_weight: float, rrf_k: int = RRF_K, foreign: AbstractSet[UUID] = NONE
) -> dict[UUID, float]:
    """Fused score 0–1 per id from the ranks alone; the greater ``rrf_k``, the less the first places count."""
    dense = _ranks(hits, _similarity)
    # Without a common word BM25 is 0: no rank. A cosine of 0 is one like any other.
    sparse = _ranks(hits, lambda hit: hit.sparse_score or None)
    top, last = rrf_k + 1, 10**9
    scores = {}
    for hit in hits:
        meaning, words = dense.get(hit.id, last), sparse.get(hit.id, last)
        if hit.id in foreign:
            words = min(words, meaning)
        scores[hit.id] = dense_weight * top / (rrf_k + meaning) + (1 - dense_weight) * top / (rrf_k + words)
    return scores


def fuse(
    hits: Sequence[HybridHit],
    dense_weight: float,
    method: str = "convex",
    rrf_k: int = RRF_K,
    foreign: AbstractSet[UUID] = NONE,
) -> dict[UUID, float]:
    """Fused scores: convex, unless ranks were asked for or one side is thin."""
    lexical = sum(1 for hit in hits if hit.sparse_score)
    if method == "rrf" or (0 < lexical < THIN and len(hits) >= THIN):
        return reciprocal_rank(hits, dense_weight, rrf_k, foreign)
    return convex(hits, dense_weight, foreign)


Score = Callable[[HybridHit], float | None]


def _similarity(hit: HybridHit) -> float | None:
    return hit.dense_score


def _scaled(hits: Sequence[HybridHit], score: Score, floor: float) -> dict[UUID, float]:
    """1 for the best and 0 for ``floor``, less below it, so that an order stays one; nothing when none is above."""
    scores = {hit.id: value for hit in hits if (value := score(hit)) is not None}
    span = max(scores.values(), default=floor) - floor
    return {key: (value - floor) / span for key, value in scores.items()} if span > 0 else {}


def _ranks(hits: Sequence[HybridHit], score: Score) -> dict[UUID, int]:
    scored = [(value, hit.id) for hit in hits if (value := score(hit)) is not None]
    return {key: rank for rank, (_, key) in enumerate(sorted(scored, reverse=True), start=1)}
