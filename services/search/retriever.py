"""Which passages may answer a question, for this principal?

Every hit of the vector store is joined back to PostgreSQL before anyone sees it: right organisation, readable, active
version. A stale or foreign vector therefore does no harm; when such hits crowd out good ones, the search goes deeper.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import structlog

from core.errors import ProviderError, ProviderUnavailableError
from core.identity import Principal
from core.telemetry import METRICS
from core.text import language, terms
from core.types import Candidate, Chunk, HybridHit, Vector, VectorFilter, VectorPayload
from db.repositories.documents import DocumentRepository
from db.repositories.indexes import IndexRepository
from db.repositories.versions import VersionRepository
from db.unit_of_work import Database
from graph.context import Retrieval
from plugins.interfaces import EmbeddingProvider
from services.search.full_text import search_full_text
from services.search.fusion import RRF_K, fuse
from services.search.historical import Past, PastVersions
from services.search.languages import comparable, familiarity, lifted
from services.search_index.indexes import Index, Indexes
from services.search_index.term_statistics import LexicalIndex, WeighedQuery

log = structlog.get_logger(__name__)

LEAST_DENSE_SHARE = 0.05
MAX_DEPTH = 1600
TRIES = 3
"""Searches of one question when versions change under it."""
SWITCHING = timedelta(seconds=10)
"""Longer than a switch takes from its time stamp to its commit."""
NAMED = 1000
"""Documents of a moment that are named to the stores; where there were more, hits of later ones are only left out."""


class SearchMode(StrEnum):
    """Which side of the search ranks."""

    HYBRID = "hybrid"
    DENSE = "dense"
    BM25 = "bm25"


VECTOR_DB, PRIMARY_STORE, HISTORY = "vector_db", "primary_vector_db", "history"
"""What a result lacks: vectors, only the store that is asked first, or versions of the past."""


@dataclass(frozen=True, slots=True)
class _Search:
    """One question as it goes to the stores."""

    question: str
    weighed: WeighedQuery
    principal: Principal
    filters: VectorFilter
    limit: int
    mode: SearchMode
    as_of: datetime | None
    began: datetime
    past: Past | None


@dataclass(frozen=True, slots=True)
class _Scope:
    """What one question searches: collections, how many documents answer in them, and indexes no longer in use."""

    collection_ids: frozenset[UUID]
    documents: int
    searched: int
    """Of these documents, those the question is put to."""
    retired: frozenset[UUID]
    began: datetime
    """By the clock of the database."""
    then: frozenset[UUID] | None = None
    """Documents that answered at the moment asked for, where they are few enough to name."""
    past: Past | None = None
    """What answered at that moment and leaves the indexes, or has left them."""


Found = tuple[Index, HybridHit]
"""A hit and the index it was found in."""


class HybridRetriever:
    """Retriever over the indexes and PostgreSQL: ``graph.context.Retriever``."""

    def __init__(
        self,
        *,
        database: Database,
        indexes: Indexes,
        lexical: LexicalIndex,
        dense_weight: float,
        fusion: str = "convex",
        rrf_k: int = RRF_K,
        depth: int = 100,
    ) -> None:
        """``depth`` is how many hits each side gives before they are fused, if no more are asked for."""
        self._database = database
        self._indexes = indexes
        self._lexical = lexical
        self._past = PastVersions(database, indexes, lexical)
        self._dense_weight = dense_weight
        self._fusion = fusion
        self._rrf_k = rrf_k
        self._depth = depth

    async def retrieve(
        self,
        question: str,
        *,
        principal: Principal,
        limit: int,
        collection_ids: frozenset[UUID] | None = None,
        document_ids: frozenset[UUID] | None = None,
        mode: SearchMode = SearchMode.HYBRID,
        as_of: datetime | None = None,
    ) -> Retrieval:
        """The ``limit`` best readable chunks of active versions, best first, without repeated text.

        With ``as_of`` those of the versions that answered at that moment; words are weighed as they are today.

        While the primary store is down the fallback answers if it has every document, else PostgreSQL's full-text
        search; the result is marked degraded either way.
        """
        started = time.perf_counter()
        if mode is SearchMode.HYBRID and self._dense_weight >= 1.0:
            mode = SearchMode.DENSE
        with _timed("scope"):
            scope = await self._scope(principal, collection_ids, document_ids, as_of)
        if not scope.searched:
            return Retrieval(candidates=[], searched_documents=0)
        with _timed("words"):
            weighed = await self._lexical.weigh_query(principal.organization_id, question)
        if scope.then is not None:
            document_ids = scope.then if document_ids is None else scope.then & document_ids
        filters = VectorFilter(principal.organization_id, scope.collection_ids, document_ids)
        search = _Search(question, weighed, principal, filters, limit, mode, as_of, scope.began, scope.past)
        candidates, degraded = await self._anyhow(search, scope)
        if scope.past is not None and not scope.past.whole and not degraded:
            degraded = (HISTORY,)
        seconds = time.perf_counter() - started
        METRICS.retrieval.labels("total").observe(seconds)
        log.info("retrieved", candidates=len(candidates), mode=mode.value, ms=round(seconds * 1000, 1))
        return Retrieval(
            candidates=candidates, searched_documents=scope.searched, degraded=degraded, term_idf=weighed.term_idf
        )

    async def _scope(
        self,
        principal: Principal,
        wanted: frozenset[UUID] | None,
        document_ids: frozenset[UUID] | None,
        as_of: datetime | None,
    ) -> _Scope:
        async with self._database.transaction(principal.organization_id) as session:
            readable = await DocumentRepository(session).collection_ids(principal)
            collections = readable if wanted is None else readable & wanted
            versions = VersionRepository(session)
            count, began = await versions.count_answering(collections, as_of)
            asked = count
            if document_ids is not None:
                asked, _ = await versions.count_answering(collections, as_of, document_ids)
            retired: frozenset[UUID] = frozenset()
            if self._indexes.former:
                rows = await IndexRepository(session).all()
                retired = frozenset(row.id for row in rows if row.retired_at is not None)
            scope = _Scope(collections, count, asked, retired, began)
            if as_of is None or not count:
                return scope
            searched = {index.id for index in self._searched(retired)}
            return replace(
                scope,
                then=await versions.documents_at(collections, as_of, limit=NAMED),
                past=await self._past.at(
                    session, VectorFilter(principal.organization_id, collections), as_of, frozenset(searched)
                ),
            )

    def _searched(self, retired: frozenset[UUID]) -> tuple[Index, ...]:
        """The indexes a question goes to, the preferred first."""
        return (self._indexes.primary, *(index for index in self._indexes.former if index.id not in retired))

    async def _anyhow(self, search: _Search, scope: _Scope) -> tuple[list[Candidate], tuple[str, ...]]:
        """Candidates from whatever can still be searched, and what could not."""
        try:
            found, missing = await self._search(search, self._searched(scope.retired))
            return found, (VECTOR_DB,) if missing else ()
        except ProviderError as error:
            log.warning("vector_store_down", store=self._indexes.primary.store, reason=error.code)
        fallback = self._indexes.fallback
        if fallback is not None and await self._is_current(fallback, search, scope):
            try:
                found, _ = await self._search(search, (fallback,))
                return found, (PRIMARY_STORE,)
            except ProviderError as error:
                log.warning("vector_store_down", store=fallback.store, reason=error.code)
        return _distinct(await self._full_text(search, search.limit)), (VECTOR_DB,)

    async def _full_text(self, search: _Search, limit: int) -> list[Candidate]:
        spoken = language.detect(search.question)
        words = dict.fromkeys([*search.weighed.term_idf, *terms.with_accents(search.question, spoken)])
        with _timed("full_text"):
            return await search_full_text(self._database, search.principal, words, search.filters, limit, search.as_of)

    async def _is_current(self, index: Index, search: _Search, scope: _Scope) -> bool:
        """Whether every document that answers has its vectors there."""
        async with self._database.transaction(search.principal.organization_id) as session:
            inside = await VersionRepository(session).count_inside(scope.collection_ids, search.as_of, {index.id})
            return inside >= scope.documents

    async def _search(self, search: _Search, indexes: Sequence[Index]) -> tuple[list[Candidate], bool]:
        """(candidates, whether an index beside the first could not be searched).

        Raises:
            ProviderError: The first could not.
        """
        depth, tries = max(self._depth, 2 * search.limit), TRIES
        while True:
            results = await asyncio.gather(
                *(self._hits(index, search, depth) for index in indexes), return_exceptions=True
            )
            found: list[Found] = []
            missing = False
            for index, result in zip(indexes, results, strict=True):
                if isinstance(result, ProviderError) and index is not indexes[0]:
                    log.warning("former_index_unreachable", store=index.store, reason=result.code)
                    found += [(index, hit) for hit in await self._in_words(search, depth)]
                    missing = True
                elif isinstance(result, BaseException):
                    raise result
                else:
                    found += ((index, hit) for hit in result)
            with _timed("join"):
                candidates, overtaken = await self._join(found, search, indexes)
            tries -= 1
            if overtaken and tries:
                continue
            if len(candidates) >= search.limit or len(found) < depth or depth >= MAX_DEPTH:
                return candidates[: search.limit], missing
            depth *= 4

    async def _hits(self, index: Index, search: _Search, depth: int) -> list[HybridHit]:
        if index.vectors is None or index.embedding is None:
            raise ProviderUnavailableError(f"The index of {index.model} in {index.store} cannot be searched.")
        with _timed("embed"):
            dense = await index.embedding.embed_text(search.question)
        past = await self._past_hits(index, search, dense, depth)
        with _timed("store"):
            stored = await self._store_hits(index, search, dense, depth)
        # A version that is leaving the store may be found in both.
        by_id = {hit.id: hit for hit in (*past, *stored)}
        hits = [replace(hit, dense_score=comparable(hit.dense_score, index.embedding)) for hit in by_id.values()]
        if search.mode is SearchMode.BM25:
            return [hit for hit in hits if hit.sparse_score]
        return hits

    async def _store_hits(self, index: Index, search: _Search, dense: Vector, depth: int) -> list[HybridHit]:
        if index.vectors is None:
            return []
        if search.mode is SearchMode.DENSE:
            nearest = await index.vectors.search(index.collection, dense, depth, search.filters)
            return [HybridHit(hit.id, hit.payload, hit.score, None) for hit in nearest]
        hits = await index.vectors.search_hybrid(index.collection, dense, search.weighed.vector, depth, search.filters)
        if index.vectors.supports_sparse:
            return hits
        return _with_words(hits, await self._full_text(search, depth), search.principal.organization_id)

    async def _past_hits(self, index: Index, search: _Search, dense: Vector, depth: int) -> list[HybridHit]:
        """What a store would find if it still held the versions of the moment asked for."""
        if search.past is None or index is not self._indexes.primary:
            return []
        with _timed("past"):
            return await self._past.hits(search.past, dense, search.weighed.vector, depth)

    async def _in_words(self, search: _Search, limit: int) -> list[HybridHit]:
        """What the words alone find, in place of an index whose vectors cannot be searched."""
        if search.mode is SearchMode.DENSE:
            return []
        return _with_words([], await self._full_text(search, limit), search.principal.organization_id)

    def _weight(self, search: _Search, embedding: EmbeddingProvider) -> float:
        """Share of the dense side: as configured, less where the embedding model does not know the language."""
        if search.mode is not SearchMode.HYBRID:
            return 1.0 if search.mode is SearchMode.DENSE else 0.0
        return self._dense_weight * max(LEAST_DENSE_SHARE, familiarity(search.question, embedding))

    async def _join(
        self, found: Sequence[Found], search: _Search, indexes: Sequence[Index]
    ) -> tuple[list[Candidate], bool]:
        """(candidates, whether a document lost all its hits because another version took over meanwhile)."""
        method = self._fusion if search.mode is SearchMode.HYBRID else "convex"
        async with self._database.transaction(search.principal.organization_id) as session:
            ids = {hit.id for _, hit in found}
            chunks = await DocumentRepository(session).active_chunks(search.principal, ids, search.as_of)
            lost = {hit.payload.document_id for _, hit in found} - {chunk.document_id for chunk in chunks.values()}
            # The hits may be older than the vectors of the version that answers since.
            overtaken = await VersionRepository(session).changed_since(lost, search.began - SWITCHING)
            alive = [(index, hit) for index, hit in found if hit.id in chunks]
            if len(indexes) > 1:
                members = await IndexRepository(session).members({hit.payload.version_id for _, hit in alive})
                alive = _each_from_its_index(alive, members, [index.id for index in indexes])
        foreign = _foreign(search, alive, chunks)
        hits = [lifted(hit) if hit.id in foreign else hit for _, hit in alive]
        embedding = indexes[0].embedding
        scores = fuse(hits, self._weight(search, embedding) if embedding else 0.0, method, self._rrf_k, foreign)
        ranked = sorted(hits, key=lambda hit: (-scores[hit.id], hit.id))
        candidates = [Candidate(chunks[hit.id], scores[hit.id], hit.dense_score, hit.sparse_score) for hit in ranked]
        return _distinct(candidates), overtaken and search.as_of is None


def _timed(stage: str) -> AbstractContextManager[object]:
    return METRICS.retrieval.labels(stage).time()


def _with_words(hits: Sequence[HybridHit], text: Sequence[Candidate], organization_id: UUID) -> list[HybridHit]:
    """The hits of a store that compares no words, with PostgreSQL's judgement of the words."""
    by_id = {hit.id: hit for hit in hits}
    for candidate in text:
        chunk = candidate.chunk
        payload = VectorPayload(
            organization_id, chunk.collection_id or UUID(int=0), chunk.document_id, chunk.version_id
        )
        known = by_id.get(chunk.id) or HybridHit(chunk.id, payload, None, None)
        by_id[chunk.id] = replace(known, sparse_score=candidate.sparse_score)
    return list(by_id.values())


def _each_from_its_index(
    found: Sequence[Found], members: Mapping[UUID, frozenset[UUID]], preference: Sequence[UUID]
) -> list[Found]:
    """The hits of every version from the most preferred index it lies in, so that none counts twice."""
    rank = {index_id: place for place, index_id in enumerate(preference)}
    best = {version: min((rank[one] for one in ids if one in rank), default=0) for version, ids in members.items()}
    return [(index, hit) for index, hit in found if best.get(hit.payload.version_id, rank[index.id]) == rank[index.id]]


def _foreign(search: _Search, found: Sequence[Found], chunks: Mapping[UUID, Chunk]) -> frozenset[UUID]:
    """Hits in another language than the question's, where the model knows both; none where words alone are asked."""
    if search.mode is SearchMode.BM25:
        return frozenset()
    spoken = language.detect(search.question)
    knowing = (hit.id for index, hit in found if index.embedding is not None and index.embedding.multilingual)
    return frozenset(key for key in knowing if language.differ(chunks[key].language, spoken))


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
