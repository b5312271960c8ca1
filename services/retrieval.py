"""Which passages may answer a question, for this principal?

Every hit of the vector store is joined back to PostgreSQL before anyone sees it: right organisation, readable, active
version. A stale or foreign vector therefore does no harm; when such hits crowd out good ones, the search goes deeper.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from uuid import UUID

import structlog
from sqlalchemy import func, select

from core.errors import ProviderUnavailableError
from core.identity import Principal
from core.similarity import rescaled
from core.types import Candidate, Chunk, HybridHit, SparseVector, Vector, VectorFilter
from db.models import Document, DocumentChunk
from db.repositories.documents import DocumentRepository
from db.unit_of_work import Database
from graph.context import Retrieval
from plugins.interfaces import EmbeddingProvider, VectorDBProvider
from services.fusion import COSINE_FLOOR, fuse
from services.lexical import LexicalIndex, WeighedQuery

log = structlog.get_logger(__name__)

KNOWN_CHARACTERS, UNKNOWN_CHARACTERS = 3.0, 1.3
"""Characters of a question to a token: words a model was trained on are few long tokens, others fall into letters."""
LEAST_DENSE_SHARE = 0.05
DEPTH = 100
MAX_DEPTH = 1600


class SearchMode(StrEnum):
    """Which side of the search ranks."""

    HYBRID = "hybrid"
    DENSE = "dense"
    BM25 = "bm25"


class HybridRetriever:
    """Implements ``graph.context.Retriever`` over vector store and PostgreSQL."""

    def __init__(
        self,
        *,
        database: Database,
        embedding: EmbeddingProvider,
        vectors: VectorDBProvider,
        lexical: LexicalIndex,
        collection: str,
        dense_weight: float,
        fusion: str = "convex",
    ) -> None:
        self._database = database
        self._embedding = embedding
        self._vectors = vectors
        self._lexical = lexical
        self._collection = collection
        self._dense_weight = dense_weight
        self._fusion = fusion

    async def retrieve(
        self,
        question: str,
        *,
        principal: Principal,
        limit: int,
        collection_ids: frozenset[UUID] | None = None,
        document_ids: frozenset[UUID] | None = None,
        mode: SearchMode = SearchMode.HYBRID,
    ) -> Retrieval:
        """The ``limit`` best readable chunks of active versions, best first, without repeated text.

        When the vector store is down, PostgreSQL's full-text search stands in and the result is marked degraded.
        """
        started = time.perf_counter()
        if mode is SearchMode.HYBRID and self._dense_weight >= 1.0:
            mode = SearchMode.DENSE
        readable, searched = await self._scope(principal, collection_ids)
        if not searched:
            return Retrieval(candidates=[], searched_documents=0)
        weighed = await self._lexical.weigh_query(principal.organization_id, question)
        filters = VectorFilter(principal.organization_id, readable, document_ids)
        degraded: tuple[str, ...] = ()
        try:
            candidates = await self._search(question, weighed, principal, filters, limit, mode)
        except ProviderUnavailableError as error:
            log.warning("vector_store_down", reason=error.code)
            degraded = ("vector_db",)
            candidates = await self._full_text(weighed, principal, filters, limit)
        log.info(
            "retrieved",
            candidates=len(candidates),
            mode=mode.value,
            ms=round((time.perf_counter() - started) * 1000, 1),
        )
        return Retrieval(
            candidates=candidates, searched_documents=searched, degraded=degraded, term_idf=weighed.term_idf
        )

    async def _scope(self, principal: Principal, wanted: frozenset[UUID] | None) -> tuple[frozenset[UUID], int]:
        """Readable collections among those wanted, and how many documents in them can answer."""
        async with self._database.transaction(principal.organization_id) as session:
            readable = await DocumentRepository(session).collection_ids(principal)
            scope = readable if wanted is None else readable & wanted
            count = await session.scalar(
                select(func.count(Document.id)).where(
                    Document.collection_id.in_(scope), ~Document.is_deleted, Document.active_version_id.is_not(None)
                )
            )
        return scope, count or 0

    async def _search(
        self,
        question: str,
        weighed: WeighedQuery,
        principal: Principal,
        filters: VectorFilter,
        limit: int,
        mode: SearchMode,
    ) -> list[Candidate]:
        dense = await self._embedding.embed_text(question)
        depth = max(DEPTH, 2 * limit)
        while True:
            hits = await self._hits(dense, weighed.vector, depth, filters, mode)
            candidates = await self._join(hits, principal, mode, self._weight(question, mode))
            if len(candidates) >= limit or len(hits) < depth or depth >= MAX_DEPTH:
                return candidates[:limit]
            depth *= 4

    async def _hits(
        self, dense: Vector, sparse: SparseVector, depth: int, filters: VectorFilter, mode: SearchMode
    ) -> list[HybridHit]:
        if mode is SearchMode.DENSE:
            found = await self._vectors.search(self._collection, dense, depth, filters)
            return [HybridHit(hit.id, hit.payload, self._similarity(hit.score), None) for hit in found]
        hits = await self._vectors.search_hybrid(self._collection, dense, sparse, depth, filters)
        hits = [replace(hit, dense_score=self._similarity(hit.dense_score)) for hit in hits]
        if mode is SearchMode.BM25:
            return [hit for hit in hits if hit.sparse_score]
        return hits

    def _similarity(self, cosine: float | None) -> float | None:
        """Brought to the scale on which fusion and judgement rest, whatever the model."""
        if cosine is None:
            return None
        return min(max(rescaled(cosine, self._embedding.similarity_range), COSINE_FLOOR), 1.0)

    def _weight(self, question: str, mode: SearchMode) -> float:
        """Share of the dense side: as configured, less where the embedding model does not know the language."""
        if mode is not SearchMode.HYBRID:
            return 1.0 if mode is SearchMode.DENSE else 0.0
        return self._dense_weight * max(LEAST_DENSE_SHARE, self._familiarity(question))

    def _familiarity(self, question: str) -> float:
        """How well the embedding model knows the words of a question, 0–1, by the size of its tokens."""
        if self._embedding.multilingual:
            return 1.0
        tokens = len(self._embedding.token_spans(question))
        characters = sum(not character.isspace() for character in question)
        if not tokens:
            return 1.0
        share = (characters / tokens - UNKNOWN_CHARACTERS) / (KNOWN_CHARACTERS - UNKNOWN_CHARACTERS)
        return min(max(share, 0.0), 1.0)

    async def _join(
        self, hits: Sequence[HybridHit], principal: Principal, mode: SearchMode, weight: float
    ) -> list[Candidate]:
        method = self._fusion if mode is SearchMode.HYBRID else "convex"
        async with self._database.transaction(principal.organization_id) as session:
            chunks = await DocumentRepository(session).active_chunks(principal, {hit.id for hit in hits})
        alive = [hit for hit in hits if hit.id in chunks]
        scores = fuse(alive, weight, method)
        ranked = sorted(alive, key=lambda hit: (-scores[hit.id], hit.id))
        return _distinct(
            [Candidate(chunks[hit.id], scores[hit.id], hit.dense_score, hit.sparse_score) for hit in ranked]
        )

    async def _full_text(
        self, weighed: WeighedQuery, principal: Principal, filters: VectorFilter, limit: int
    ) -> list[Candidate]:
        """PostgreSQL's own ranking over words joined with OR; worse, but there."""
        words = [term for term in weighed.term_idf if term.isalnum()]
        if not words:
            return []
        query = func.to_tsquery("simple", " | ".join(f"{word}:*" for word in words))
        rank = func.ts_rank(DocumentChunk.tsv, query)
        statement = (
            select(DocumentChunk.id, rank.label("rank"))
            .join(Document, Document.active_version_id == DocumentChunk.version_id)
            .where(DocumentChunk.tsv.op("@@")(query), Document.collection_id.in_(filters.collection_ids or frozenset()))
            .order_by(rank.desc())
            .limit(limit)
        )
        if filters.document_ids is not None:
            statement = statement.where(Document.id.in_(filters.document_ids))
        async with self._database.transaction(principal.organization_id) as session:
            ranked = {row.id: float(row.rank) for row in await session.execute(statement)}
            chunks = await DocumentRepository(session).active_chunks(principal, ranked.keys())
        best = max(ranked.values(), default=1.0)
        return _distinct(
            [Candidate(chunks[key], rank / best, None, rank) for key, rank in ranked.items() if key in chunks]
        )


def _distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The same text twice (two copies of a document) is one piece of evidence."""
    seen: set[tuple[str, ...]] = set()
    kept = []
    for candidate in candidates:
        key = _fingerprint(candidate.chunk)
        if key not in seen:
            seen.add(key)
            kept.append(candidate)
    return kept


def _fingerprint(chunk: Chunk) -> tuple[str, ...]:
    return tuple(chunk.content.split())
