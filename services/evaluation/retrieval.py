"""How well are the right texts found? As trec_eval counts it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

import numpy as np

from core.identity import Principal
from services.bootstrap import Services
from services.evaluation.questions import RetrievalSet
from services.evaluation.scratch import Progress, nobody
from services.search.retriever import SearchMode

DEPTH = 100
MEASURES = ("ndcg@10", "recall@10", "recall@100", "mrr")


async def measure_retrieval(
    services: Services,
    principal: Principal,
    data: RetrievalSet,
    mode: SearchMode,
    *,
    progress: Progress = nobody,
) -> tuple[dict[str, float], list[dict[str, object]]]:
    """nDCG@10, recall and reciprocal rank over all questions, how long a search took, and a row for each question."""
    rows, scores, times = [], [], []
    for query_id, text in data.queries.items():
        started = time.perf_counter()
        hits = await services.search.find(principal, text, limit=DEPTH, mode=mode)
        times.append((time.perf_counter() - started) * 1000)
        ranking = list(dict.fromkeys(hit.chunk.filename.removesuffix(".txt") for hit in hits))
        scores.append(rank_scores(ranking, data.qrels[query_id]))
        rows.append(_ranked(query_id, text, mode, scores[-1], ranking))
        progress(len(rows), len(data.queries))
    means = np.mean(scores, axis=0) if scores else np.zeros(len(MEASURES))
    return {
        **{name: round(float(value), 4) for name, value in zip(MEASURES, means, strict=True)},
        "p50_ms": round(float(np.percentile(times, 50)), 2) if times else 0.0,
        "p95_ms": round(float(np.percentile(times, 95)), 2) if times else 0.0,
    }, rows


def _ranked(
    query_id: str, text: str, mode: SearchMode, scores: Sequence[float], ranking: Sequence[str]
) -> dict[str, object]:
    measured = {name: round(value, 4) for name, value in zip(MEASURES, scores, strict=True)}
    return {"id": query_id, "question": text, "side": mode.value, **measured, "first": list(ranking[:10])}


def rank_scores(ranking: Sequence[str], relevant: Mapping[str, int]) -> tuple[float, float, float, float]:
    """(nDCG@10 with linear gains, recall@10, recall@100, reciprocal rank) of a question, as in trec_eval."""
    gains = [relevant.get(document, 0) for document in ranking[:10]]
    ideal = sorted(relevant.values(), reverse=True)[:10]
    best = _discounted(ideal)
    positive = {document for document, grade in relevant.items() if grade > 0}
    first = next((place for place, document in enumerate(ranking, start=1) if document in positive), 0)
    return (
        _discounted(gains) / best if best else 0.0,
        len(positive & set(ranking[:10])) / len(positive) if positive else 0.0,
        len(positive & set(ranking[:100])) / len(positive) if positive else 0.0,
        1 / first if first else 0.0,
    )


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, start=1))
