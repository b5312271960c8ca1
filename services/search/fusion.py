"""How do two rankings become one?

Convex combination of scores, each scaled by its theoretical minimum and the query's maximum (Bruch, Gai and Ingber
2023, "An Analysis of Fusion Functions for Hybrid Retrieval"); reciprocal rank fusion (Cormack et al. 2009) where one
side is too thin for its maximum to mean anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from core.types import HybridHit

COSINE_FLOOR = -1.0
RRF_K = 60
THIN = 3
"""With fewer scores on a side than this, ranks are fused instead."""


def convex(hits: Sequence[HybridHit], dense_weight: float) -> dict[UUID, float]:
    """Fused score 0–1 per id; a side that did not see a hit gives it nothing.

    Args:
        dense_weight: Share of the dense side, 0–1; 0 is BM25 alone, 1 is dense alone.
    """
    dense = _scaled(hits, lambda hit: hit.dense_score, COSINE_FLOOR)
    sparse = _scaled(hits, lambda hit: hit.sparse_score, 0.0)
    return {
        hit.id: dense_weight * dense.get(hit.id, 0.0) + (1 - dense_weight) * sparse.get(hit.id, 0.0) for hit in hits
    }


def reciprocal_rank(hits: Sequence[HybridHit], dense_weight: float, rrf_k: int = RRF_K) -> dict[UUID, float]:
    """Fused score 0–1 per id from the ranks alone; the greater ``rrf_k``, the less the first places count."""
    dense = _ranks(hits, lambda hit: hit.dense_score)
    # Without a common word BM25 is 0: no rank. A cosine of 0 is one like any other.
    sparse = _ranks(hits, lambda hit: hit.sparse_score or None)
    top = rrf_k + 1
    return {
        hit.id: dense_weight * top / (rrf_k + dense.get(hit.id, 10**9))
        + (1 - dense_weight) * top / (rrf_k + sparse.get(hit.id, 10**9))
        for hit in hits
    }


def fuse(
    hits: Sequence[HybridHit], dense_weight: float, method: str = "convex", rrf_k: int = RRF_K
) -> dict[UUID, float]:
    """Fused scores: convex, unless ranks were asked for or one side is thin."""
    lexical = sum(1 for hit in hits if hit.sparse_score)
    if method == "rrf" or (0 < lexical < THIN and len(hits) >= THIN):
        return reciprocal_rank(hits, dense_weight, rrf_k)
    return convex(hits, dense_weight)


Score = Callable[[HybridHit], float | None]


def _scaled(hits: Sequence[HybridHit], score: Score, floor: float) -> dict[UUID, float]:
    scores = {hit.id: value for hit in hits if (value := score(hit)) is not None}
    span = max(scores.values(), default=floor) - floor
    return {key: (value - floor) / span for key, value in scores.items()} if span > 0 else {}


def _ranks(hits: Sequence[HybridHit], score: Score) -> dict[UUID, int]:
    scored = [(value, hit.id) for hit in hits if (value := score(hit)) is not None]
    return {key: rank for rank, (_, key) in enumerate(sorted(scored, reverse=True), start=1)}
