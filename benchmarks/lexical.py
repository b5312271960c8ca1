"""Does our BM25 rank as well as the package bm25s, and how long do both take?"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import bm25s
import numpy as np
import snowballstemmer

from core.text import bm25, language, terms
from db.repositories.lexical import LexicalStatistics
from services.evaluation import RetrievalSet, rank_scores, read_retrieval_set
from services.search_index.term_statistics import average_length, chunks_per_term, count_terms

DEPTH = 10
K1, B = 1.5, 0.75
Search = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class Figures:
    """What one side reached."""

    ndcg_at_10: float
    index_s: float
    query_p50_ms: float
    query_p95_ms: float


def ours(corpus: Mapping[str, str]) -> Search:
    """Terms, weights and dot product as in ingestion and search; each text is one chunk, postings lie in memory."""
    names = list(corpus)
    counted = [count_terms(text, language.detect(text)) for text in corpus.values()]
    average = average_length(LexicalStatistics({}, 0, 0.0), counted)
    postings: dict[int, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
    for position, chunk in enumerate(counted):
        vector = bm25.document_weights(chunk.counts, chunk.length, average)
        for term, weight in zip(vector.indices, vector.values, strict=True):
            postings[term][0].append(position)
            postings[term][1].append(weight)
    arrays = {term: (np.array(where), np.array(weights)) for term, (where, weights) in postings.items()}
    frequency: Counter[int] = chunks_per_term(counted)

    def search(query: str) -> list[str]:
        ids = [terms.term_id(term) for term in terms.terms(query, language.detect(query))]
        vector = bm25.query_weights(ids, frequency, len(names))
        scores = np.zeros(len(names))
        for term, idf in zip(vector.indices, vector.values, strict=True):
            where, weights = arrays[term]
            scores[where] += idf * weights
        best = np.argsort(-scores, kind="stable")[:DEPTH]
        return [names[i] for i in best if scores[i] > 0]

    return search


def theirs(corpus: Mapping[str, str]) -> Search:
    """bm25s with its English function words and the English Snowball stemmer (PyStemmer where it is installed)."""
    names = list(corpus)
    stemmer = snowballstemmer.stemmer("english")
    index = bm25s.BM25(k1=K1, b=B)
    tokens = bm25s.tokenize(list(corpus.values()), stopwords="en", stemmer=stemmer.stemWords, show_progress=False)
    index.index(tokens, show_progress=False)

    def search(query: str) -> list[str]:
        asked = bm25s.tokenize([query], stopwords="en", stemmer=stemmer.stemWords, show_progress=False)
        depth = min(DEPTH, len(names))
        found, scores = index.retrieve(asked, k=depth, show_progress=False)
        return [names[i] for i, score in zip(found[0], scores[0], strict=True) if score > 0]

    return search


def measure(build: Callable[[Mapping[str, str]], Search], data: RetrievalSet) -> Figures:
    """Index the corpus, ask every question, score the rankings."""
    started = time.perf_counter()
    search = build(data.corpus)
    index_s = time.perf_counter() - started
    scores, times = [], []
    for query_id, text in data.queries.items():
        started = time.perf_counter()
        ranking = search(text)
        times.append((time.perf_counter() - started) * 1000)
        scores.append(rank_scores(ranking, data.qrels[query_id])[0])
    p50, p95 = np.percentile(times, [50, 95])
    return Figures(round(float(np.mean(scores)), 4), round(index_s, 2), round(float(p50), 3), round(float(p95), 3))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lexical", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with corpus.jsonl, queries.jsonl, qrels.tsv")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    chosen = parser.parse_args(arguments)
    data = read_retrieval_set(chosen.data)
    print(f"{len(data.corpus)} texts, {len(data.queries)} questions, k1 {K1}, b {B}")
    figures = {"ours": measure(ours, data), "bm25s": measure(theirs, data)}
    print(f"{'':8}{'nDCG@10':>10}{'index s':>10}{'query p50 ms':>14}{'query p95 ms':>14}")
    for name, side in figures.items():
        print(
            f"{name:8}{side.ndcg_at_10:>10.4f}{side.index_s:>10.2f}{side.query_p50_ms:>14.3f}{side.query_p95_ms:>14.3f}"
        )
    difference = round(figures["ours"].ndcg_at_10 - figures["bm25s"].ndcg_at_10, 4)
    print(f"difference in nDCG@10: {difference:+.4f} (aim: -0.0100 or better)")
    if chosen.json:
        written = {name: asdict(side) for name, side in figures.items()}
        chosen.json.write_text(json.dumps({**written, "difference": difference}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
