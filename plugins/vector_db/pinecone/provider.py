"""How are vectors stored in Pinecone and searched there?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar
from uuid import UUID

import numpy as np
import structlog

from core.errors import ConfigurationError, KnowledgeFoundryError, ProviderError
from core.telemetry import span
from core.types import (
    Health,
    HybridHit,
    PluginStatus,
    SparseVector,
    Vector,
    VectorFilter,
    VectorHit,
    VectorPayload,
)
from plugins.interfaces import PluginContext
from plugins.vector_db.checks import (
    admits_nothing,
    check_name,
    check_shape,
    check_terms,
    one_organization,
    unit_vectors,
)
from plugins.vector_db.metadata import DOCUMENT, VERSION, found, row_id
from plugins.vector_db.pinecone import rows
from plugins.vector_db.pinecone.index import SERVICE, TOP_K, Filter, Match, PineconeIndex
from plugins.vector_db.pinecone.options import PineconeOptions

log = structlog.get_logger(__name__)

_HEALTH_TIMEOUT_S: Final = 4.5
_DELETED_AT_ONCE: Final = 1_000
_REGISTER: Final = "foundry"
"""Namespace with one row for each collection."""

_Result = TypeVar("_Result")


class PineconeProvider:
    """Vectors in one index, a namespace for each collection and organisation.

    Pinecone makes a namespace with the first row in it, so which collections exist is written into one of its own.
    """

    Options = PineconeOptions

    def __init__(self, options: PineconeOptions, context: PluginContext) -> None:
        self._options = options
        self._context = context
        self._index: PineconeIndex | None = None
        self._size = 0
        self._sparse = False
        self._known: set[str] = set()

    @property
    def supports_sparse(self) -> bool:
        return self._sparse

    async def start(self) -> None:
        index = PineconeIndex(self._options, self._context.http)
        stats = await index.stats()
        if stats.dimension is None:
            raise ConfigurationError("The Pinecone index has no dense vectors.", next_step="Make one of type dense.")
        if stats.metric not in ("cosine", "dotproduct", None):
            raise ConfigurationError(
                f"The Pinecone index compares by {stats.metric}; allowed: cosine, dotproduct.",
                next_step="Choose dotproduct, which takes terms too.",
            )
        self._index, self._size, self._sparse = index, stats.dimension, stats.metric == "dotproduct"

    async def close(self) -> None:
        self._index = None
        self._known.clear()

    async def health_check(self) -> Health:
        started = time.perf_counter()
        try:
            await self._opened().stats(min(self._options.timeout_s, _HEALTH_TIMEOUT_S))
        except KnowledgeFoundryError as error:
            return Health(PluginStatus.BROKEN, str(error))
        return Health(PluginStatus.HEALTHY, latency_ms=(time.perf_counter() - started) * 1000)

    async def create_collection(self, name: str, vector_size: int, distance_metric: str = "cosine") -> None:
        check_name(name)
        check_shape(SERVICE, vector_size, distance_metric)
        index = self._opened()
        if vector_size != self._size:
            raise ConfigurationError(
                f"The Pinecone index has {self._size} dimensions, the settings say {vector_size}.",
                next_step="Use another index for another model.",
            )
        if await index.fetch(self._register, name) is None:
            entry = rows.register_entry(self._register, name, self._size)
            written = await index.upsert(entry.body, entry.rows)
            await index.until_indexed(self._register, written, self._size)
            log.info("vector_collection_ready", collection=name, vector_size=vector_size)
        self._known.add(name)

    async def upsert(
        self,
        collection: str,
        vectors: Vector,
        payloads: Sequence[VectorPayload],
        ids: Sequence[UUID],
        sparse_vectors: Sequence[SparseVector] | None = None,
    ) -> None:
        await self._check(collection)
        organization = one_organization(vectors, payloads, ids, sparse_vectors)
        if organization is None:
            return
        checked = unit_vectors(vectors, self._size)
        for terms in sparse_vectors or ():
            check_terms(terms)
        namespace = self._namespace(collection, organization)
        # Writing thousands of numbers as text takes long enough to be felt by other requests on the loop.
        packed = await asyncio.to_thread(
            rows.requests,
            namespace,
            checked,
            payloads,
            ids,
            sparse_vectors if self._sparse else None,
            self._options.upsert_batch,
        )
        with span("vector_upsert", organization_id=organization):
            written: int | None = None
            for request in packed:
                written = await self._opened().upsert(request.body, request.rows)
            await self._opened().until_indexed(namespace, written, self._size)

    async def search(self, collection: str, query_vector: Vector, limit: int, filters: VectorFilter) -> list[VectorHit]:
        await self._check(collection)
        dense = unit_vectors(np.atleast_2d(query_vector), self._size)[0].tolist()
        if admits_nothing(filters) or limit < 1:
            return []
        async with self._calling("vector_search", filters.organization_id):
            matches = await self._best(collection, dense, limit, filters)
        return _hits(matches, filters.organization_id)

    async def search_hybrid(
        self,
        collection: str,
        query_vector: Vector,
        sparse_vector: SparseVector,
        limit: int,
        filters: VectorFilter,
    ) -> list[HybridHit]:
        await self._check(collection)
        dense = unit_vectors(np.atleast_2d(query_vector), self._size)[0].tolist()
        terms = rows.sparse(sparse_vector, rows.MAX_TERMS)
        if admits_nothing(filters) or limit < 1:
            return []
        async with self._calling("vector_search_hybrid", filters.organization_id):
            if terms is None or not self._sparse:
                matches = await self._best(collection, dense, limit, filters)
                hits = _hits(matches, filters.organization_id)
                return [HybridHit(hit.id, hit.payload, hit.score, 0.0 if self._sparse else None) for hit in hits]
            return await self._union(collection, dense, terms, limit, filters)

    async def _union(
        self, collection: str, dense: list[float], terms: Mapping[str, Any], limit: int, filters: VectorFilter
    ) -> list[HybridHit]:
        """Both sides alone, then of either the scores of what only the other found: Pinecone tells sums only."""
        nothing = [0.0] * self._size
        owner, namespace = filters.organization_id, self._namespace(collection, filters.organization_id)
        dense_side, sparse_side = await _together(
            self._best(collection, dense, limit, filters), self._best(collection, nothing, limit, filters, terms)
        )
        cosines, dots = _located(dense_side, owner), _located(sparse_side, owner)
        # Rows that share no term fill the sparse side up; they are no hits of it.
        sharing = {chunk for chunk, (score, _) in dots.items() if score > 0}
        more_dense, more_sparse = await _together(
            self._of(namespace, dense, sorted(sharing - cosines.keys())),
            self._of(namespace, nothing, sorted(cosines.keys() - dots.keys()), terms),
        )
        cosines |= _located(more_dense, owner)
        dots |= _located(more_sparse, owner)
        return [
            HybridHit(chunk, payload, _cosine(score), dots[chunk][0] if chunk in dots else None)
            for chunk, (score, payload) in cosines.items()
        ]

    async def _of(
        self, namespace: str, dense: list[float], chunks: Sequence[UUID], terms: Mapping[str, Any] | None = None
    ) -> list[Match]:
        """Scores of these chunks."""
        if not chunks:
            return []
        return await self._opened().query(namespace, dense, len(chunks), rows.with_chunks({}, chunks), terms)

    async def _best(
        self,
        collection: str,
        dense: list[float],
        limit: int,
        filters: VectorFilter,
        terms: Mapping[str, Any] | None = None,
    ) -> list[Match]:
        namespace = self._namespace(collection, filters.organization_id)
        matches: list[Match] = []
        for condition in rows.conditions(filters):
            matches += await self._opened().query(namespace, dense, limit, condition, terms)
        return sorted(matches, key=lambda match: -match.score)[: min(limit, TOP_K)]

    async def delete(self, collection: str, ids: Sequence[UUID], organization_id: UUID) -> None:
        await self._check(collection)
        named = [row_id(organization_id, chunk) for chunk in dict.fromkeys(ids)]
        if not named:
            return
        namespace = self._namespace(collection, organization_id)
        async with self._calling("vector_delete", organization_id) as index:
            written: int | None = None
            for start in range(0, len(named), _DELETED_AT_ONCE):
                written = await index.delete(namespace, ids=named[start : start + _DELETED_AT_ONCE])
            await index.until_indexed(namespace, written, self._size)

    async def delete_documents(self, collection: str, document_ids: Sequence[UUID], organization_id: UUID) -> None:
        await self._check(collection)
        if document_ids:
            await self._delete(collection, rows.any_of(DOCUMENT, document_ids), organization_id)

    async def delete_version(self, collection: str, version_id: UUID, organization_id: UUID) -> None:
        await self._check(collection)
        await self._delete(collection, rows.any_of(VERSION, (version_id,)), organization_id)

    async def _delete(self, collection: str, conditions: Sequence[Filter], organization_id: UUID) -> None:
        namespace = self._namespace(collection, organization_id)
        async with self._calling("vector_delete", organization_id) as index:
            written: int | None = None
            for condition in conditions:
                written = await index.delete(namespace, condition=condition)
            await index.until_indexed(namespace, written, self._size)

    async def count(self, collection: str, filters: VectorFilter) -> int:
        await self._check(collection)
        if admits_nothing(filters):
            return 0
        namespace = self._namespace(collection, filters.organization_id)
        async with self._calling("vector_count", filters.organization_id) as index:
            conditions = rows.conditions(filters)
            if conditions == [{}]:
                counted = (await index.stats()).namespaces.get(namespace)
                return counted.vector_count if counted else 0
            return sum([await index.count(namespace, condition) for condition in conditions])

    @asynccontextmanager
    async def _calling(self, operation: str, organization_id: UUID) -> AsyncIterator[PineconeIndex]:
        with span(operation, organization_id=organization_id):
            yield self._opened()

    async def _check(self, collection: str) -> None:
        """Make sure that the collection exists.

        Raises:
            ProviderError: It does not.
        """
        check_name(collection)
        index = self._opened()
        if collection not in self._known:
            if await index.fetch(self._register, collection) is None:
                raise ProviderError(f"The vector collection '{collection}' does not exist.")
            self._known.add(collection)

    @property
    def _register(self) -> str:
        return f"{self._options.namespace_prefix}{_REGISTER}"

    def _namespace(self, collection: str, organization_id: UUID) -> str:
        return f"{self._options.namespace_prefix}{collection}-{organization_id}"

    def _opened(self) -> PineconeIndex:
        if self._index is None:
            raise ProviderError("The vector store is not started.")
        return self._index


async def _together(first: Awaitable[_Result], second: Awaitable[_Result]) -> tuple[_Result, _Result]:
    """Results of both; when one fails the other is given up, and the failure is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_awaited(call)) for call in (first, second)]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return tasks[0].result(), tasks[1].result()


async def _awaited(call: Awaitable[_Result]) -> _Result:
    return await call


def _located(matches: Sequence[Match], organization_id: UUID) -> dict[UUID, tuple[float, VectorPayload]]:
    """Score and payload by chunk."""
    hits = ((match.score, *found(match.metadata, organization_id, SERVICE)) for match in matches)
    return {chunk: (score, payload) for score, chunk, payload in hits}


def _hits(matches: Sequence[Match], organization_id: UUID) -> list[VectorHit]:
    located = _located(matches, organization_id)
    return [VectorHit(chunk, _cosine(score), payload) for chunk, (score, payload) in located.items()]


def _cosine(score: float) -> float:
    return min(1.0, max(-1.0, score))
