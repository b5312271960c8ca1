"""Do the vector stores find the same, and also when every document has many versions?

The same chunks, vectors and weights go into each store; each is asked the same questions through the search of the
application: fused, joined by nothing, scored against the judgements.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID, uuid4, uuid5

import httpx
import numpy as np

from core.text import bm25, language, terms
from core.types import SparseVector, Vector, VectorFilter, VectorPayload
from db.repositories.lexical import LexicalStatistics
from plugins.embedding.onnx import OnnxEmbedding
from plugins.interfaces import PluginContext, VectorDBProvider
from plugins.vector_db.pgvector.provider import PgvectorProvider
from plugins.vector_db.qdrant.provider import QdrantProvider
from services.connections import application_address, owner_address
from services.evaluation import RetrievalSet, rank_scores, read_retrieval_set
from services.search.fusion import fuse
from services.search_index.term_statistics import average_length, chunks_per_term, count_terms
from services.stack.opening import any_stack

DEPTH, DENSE_WEIGHT = 100, 0.7
COLLECTION = "benchmark"
WRITTEN = 256


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts as they are stored, and questions as they are asked."""

    ids: tuple[str, ...]
    vectors: Vector
    sparse: tuple[SparseVector, ...]
    questions: dict[str, tuple[Vector, SparseVector]]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a store reached; times of one question."""

    ndcg_at_10: float
    write_s: float
    p50_ms: float
    p95_ms: float
    recall_with_versions: float


async def read(data: RetrievalSet, embedding: OnnxEmbedding) -> Corpus:
    """Embed and weigh; each text is one chunk, and what is longer than the model's window is cut."""
    counted = [count_terms(text, language.detect(text)) for text in data.corpus.values()]
    average = average_length(LexicalStatistics({}, 0, 0.0), counted)
    frequency = chunks_per_term(counted)
    questions = {}
    for key, text in data.queries.items():
        ids = [terms.term_id(term) for term in terms.terms(text, language.detect(text))]
        questions[key] = (await embedding.embed_text(text), bm25.query_weights(ids, frequency, len(counted)))
    return Corpus(
        tuple(data.corpus),
        await embedding.embed_batch(list(data.corpus.values())),
        tuple(bm25.document_weights(chunk.counts, chunk.length, average) for chunk in counted),
        questions,
    )


async def write(
    store: VectorDBProvider, corpus: Corpus, organization: UUID, version: int, noise: float = 0.0
) -> dict[UUID, str]:
    """Store a version of every text; older ones are a little beside the newest. Returns names by chunk."""
    rng = np.random.default_rng(version)
    vectors = corpus.vectors + rng.normal(0, noise, corpus.vectors.shape) if noise else corpus.vectors
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    collection = uuid5(organization, "collection")
    names: dict[UUID, str] = {}
    for start in range(0, len(corpus.ids), WRITTEN):
        part = slice(start, start + WRITTEN)
        documents = [uuid5(organization, name) for name in corpus.ids[part]]
        versions = [uuid5(document, str(version)) for document in documents]
        ids = [uuid5(one, "0") for one in versions]
        payloads = [VectorPayload(organization, collection, d, v) for d, v in zip(documents, versions, strict=True)]
        await store.upsert(COLLECTION, vectors[part], payloads, ids, corpus.sparse[part])
        names.update(zip(ids, corpus.ids[part], strict=True))
    return names


async def rank(
    store: VectorDBProvider, asked: tuple[Vector, SparseVector], organization: UUID, names: dict[UUID, str], wanted: int
) -> list[str]:
    """The best ``wanted`` texts whose newest version was hit; deeper until there are enough, as in retrieval."""
    depth = DEPTH
    while True:
        hits = await store.search_hybrid(COLLECTION, *asked, depth, VectorFilter(organization))
        alive = [hit for hit in hits if hit.id in names]
        if len(alive) >= wanted or len(hits) < depth or depth >= 16 * DEPTH:
            scores = fuse(alive, DENSE_WEIGHT)
            return [names[hit.id] for hit in sorted(alive, key=lambda hit: (-scores[hit.id], hit.id))][:wanted]
        depth *= 4


async def measure(store: VectorDBProvider, corpus: Corpus, data: RetrievalSet, versions: int, sample: int) -> Figures:
    """nDCG@10 over all, then recall of a sample that has many versions, against the same sample with one."""
    await store.create_collection(COLLECTION, corpus.vectors.shape[1])
    organization = uuid4()
    started = time.perf_counter()
    names = await write(store, corpus, organization, 0)
    write_s = time.perf_counter() - started
    scores, times = [], []
    for key, asked in corpus.questions.items():
        started = time.perf_counter()
        ranking = await rank(store, asked, organization, names, 10)
        times.append((time.perf_counter() - started) * 1000)
        scores.append(rank_scores(ranking, data.qrels[key])[0])
    p50, p95 = np.percentile(times, [50, 95])
    recall = await _recall(store, corpus, versions, sample)
    return Figures(round(float(np.mean(scores)), 4), round(write_s, 1), round(p50, 1), round(p95, 1), recall)


async def _recall(store: VectorDBProvider, corpus: Corpus, versions: int, sample: int) -> float:
    """Share of the ten best of a fresh index that are found among old versions."""
    part = Corpus(corpus.ids[:sample], corpus.vectors[:sample], corpus.sparse[:sample], corpus.questions)
    fresh, crowded = uuid4(), uuid4()
    expected_names = await write(store, part, fresh, 0)
    for version in range(versions, 0, -1):
        await write(store, part, crowded, version, noise=0.02)
    names = await write(store, part, crowded, 0)
    found = []
    for asked in list(corpus.questions.values())[:50]:
        expected = await rank(store, asked, fresh, expected_names, 10)
        seen = await rank(store, asked, crowded, names, 10)
        found.append(len(set(expected) & set(seen)) / max(len(expected), 1))
    return round(float(np.mean(found)), 4)


@asynccontextmanager
async def stores(qdrant: str, folder: Path) -> AsyncIterator[dict[str, VectorDBProvider]]:
    """pgvector in an embedded PostgreSQL, and Qdrant at an address."""
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(any_stack(folder, say=lambda *_: None))
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=60))
        context = PluginContext(
            http=http,
            data_dir=folder,
            database_url=application_address(running.settings).libpq(),
            migration_url=owner_address(running.settings).libpq(),
        )
        made: dict[str, VectorDBProvider] = {
            "pgvector": PgvectorProvider(PgvectorProvider.Options(), context),
            "qdrant": QdrantProvider(QdrantProvider.Options.model_validate({"url": qdrant}), context),
        }
        for store in made.values():
            await store.start()
            stack.push_async_callback(store.close)
        yield made


async def compare(arguments: argparse.Namespace) -> dict[str, Figures]:
    """Each store by itself, one after the other."""
    data = read_retrieval_set(arguments.data)
    async with stores(arguments.qdrant, arguments.folder) as made:
        async with httpx.AsyncClient() as http:
            embedding = OnnxEmbedding(OnnxEmbedding.Options(), PluginContext(http=http, data_dir=arguments.folder))
            await embedding.start()
            corpus = await read(data, embedding)
            await embedding.close()
        print(f"{len(corpus.ids)} texts, {len(corpus.questions)} questions")
        return {
            name: await measure(store, corpus, data, arguments.versions, arguments.sample)
            for name, store in made.items()
        }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stores", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with corpus.jsonl, queries.jsonl, qrels.tsv")
    parser.add_argument("--qdrant", default=os.environ.get("QDRANT_URL", "http://127.0.0.1:6333"), help="its address")
    parser.add_argument("--folder", type=Path, required=True, help="scratch folder for PostgreSQL and the model")
    parser.add_argument("--versions", type=int, default=19, help="older versions of every document")
    parser.add_argument("--sample", type=int, default=500, help="texts that get so many versions")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    chosen = parser.parse_args(arguments)
    figures = asyncio.run(compare(chosen))
    for name, side in figures.items():
        print(
            f"{name:10} nDCG@10 {side.ndcg_at_10:.4f}  written in {side.write_s:.1f} s  question p50 {side.p50_ms} ms "
            f"p95 {side.p95_ms} ms  recall with {chosen.versions + 1} versions {side.recall_with_versions:.4f}"
        )
    difference = round(figures["qdrant"].ndcg_at_10 - figures["pgvector"].ndcg_at_10, 4)
    print(f"difference in nDCG@10: {difference:+.4f} (aim: within .01)")
    if chosen.json:
        written = {name: asdict(side) for name, side in figures.items()}
        chosen.json.write_text(json.dumps({**written, "difference": difference}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
