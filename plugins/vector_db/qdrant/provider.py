"""How are vectors stored in Qdrant and searched there?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import structlog

from core.errors import ConfigurationError, KnowledgeFoundryError, ProviderError, ProviderUnavailableError
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
from plugins.vector_db.checks import admits_nothing, check_name, check_shape, one_organization, unit_vectors
from plugins.vector_db.metadata import DOCUMENT, VERSION, found
from plugins.vector_db.qdrant import collections, rows
from plugins.vector_db.qdrant.connection import SERVICE, answering, connect, version
from plugins.vector_db.qdrant.options import QdrantOptions

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient, models

log = structlog.get_logger(__name__)

_HEALTH_TIMEOUT_S = 4.5


class QdrantProvider:
    """Vectors of all organisations in one Qdrant collection; every call carries the organisation as a filter."""

    Options = QdrantOptions

    def __init__(self, options: QdrantOptions, context: PluginContext) -> None:
        self._options = options
        self._data_dir = context.data_dir
        self._client: AsyncQdrantClient | None = None
        self._version = (0, 0)
        self._sizes: dict[str, int] = {}

    @property
    def supports_sparse(self) -> bool:
        return True

    async def start(self) -> None:
        self._client = await connect(self._options, self._data_dir)
        self._version = await version(self._client, self._options.timeout_s)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def health_check(self) -> Health:
        started = time.perf_counter()
        try:
            await version(self._opened(), min(self._options.timeout_s, _HEALTH_TIMEOUT_S))
        except KnowledgeFoundryError as error:
            return Health(PluginStatus.BROKEN, str(error))
        return Health(PluginStatus.HEALTHY, latency_ms=(time.perf_counter() - started) * 1000)

    async def create_collection(self, name: str, vector_size: int, distance_metric: str = "cosine") -> None:
        check_name(name)
        check_shape(SERVICE, vector_size, distance_metric)
        if not await self._exists(name):
            await self._create(name, vector_size)
        size = await self._size(name)
        if size != vector_size:
            raise ConfigurationError(
                f"The vector collection '{name}' has {size} dimensions, the settings say {vector_size}.",
                next_step="Use another collection name for another model.",
            )
        if not self._options.embedded:
            async with answering(self._options.timeout_s):
                info = await self._opened().get_collection(self._named(name))
                await collections.index(self._opened(), self._named(name), self._version, info)

    async def upsert(
        self,
        collection: str,
        vectors: Vector,
        payloads: Sequence[VectorPayload],
        ids: Sequence[UUID],
        sparse_vectors: Sequence[SparseVector] | None = None,
    ) -> None:
        size = await self._size(collection)
        organization = one_organization(vectors, payloads, ids, sparse_vectors)
        if organization is None:
            return
        checked = unit_vectors(vectors, size)
        # Packing thousands of rows takes long enough to be felt by other requests on the loop.
        packed = await asyncio.to_thread(rows.points, checked, payloads, ids, sparse_vectors)
        batch = self._options.upsert_batch
        with span("vector_upsert", organization_id=organization):
            for start in range(0, len(packed), batch):
                async with answering(self._options.timeout_s):
                    result = await self._opened().upsert(
                        self._named(collection), packed[start : start + batch], wait=True
                    )
                _check_done(result)
                # The embedded engine never gives way by itself.
                await asyncio.sleep(0)

    async def search(self, collection: str, query_vector: Vector, limit: int, filters: VectorFilter) -> list[VectorHit]:
        dense = unit_vectors(np.atleast_2d(query_vector), await self._size(collection))[0].tolist()
        if admits_nothing(filters) or limit < 1:
            return []
        async with self._calling("vector_search", filters.organization_id) as client:
            answer = await client.query_points(
                self._named(collection),
                query=dense,
                using=rows.DENSE,
                query_filter=rows.condition(filters),
                search_params=self._search_params(),
                limit=limit,
                with_payload=True,
            )
        located = [(point.score, *found(point.payload, filters.organization_id, SERVICE)) for point in answer.points]
        return [VectorHit(chunk, _cosine(score), payload) for score, chunk, payload in located]

    async def search_hybrid(
        self,
        collection: str,
        query_vector: Vector,
        sparse_vector: SparseVector,
        limit: int,
        filters: VectorFilter,
    ) -> list[HybridHit]:
        dense = unit_vectors(np.atleast_2d(query_vector), await self._size(collection))[0].tolist()
        sparse = rows.sparse(sparse_vector)
        if admits_nothing(filters) or limit < 1:
            return []
        if sparse is None:
            hits = await self.search(collection, query_vector, limit, filters)
            return [HybridHit(hit.id, hit.payload, hit.score, 0.0) for hit in hits]
        requests = self._hybrid_requests(dense, sparse, limit, filters)
        async with self._calling("vector_search_hybrid", filters.organization_id) as client:
            by_meaning, by_words = await client.query_batch_points(self._named(collection), requests)
        # A row that shares no term with the query is not among those scored by words: its dot product is zero.
        dots = {point.id: point.score for point in by_words.points}
        located = [(point, *found(point.payload, filters.organization_id, SERVICE)) for point in by_meaning.points]
        return [
            HybridHit(chunk, payload, _cosine(point.score), dots.get(point.id, 0.0))
            for point, chunk, payload in located
        ]

    def _hybrid_requests(
        self, dense: list[float], sparse: models.SparseVector, limit: int, filters: VectorFilter
    ) -> list[models.QueryRequest]:
        """Two queries for one batch: the union of the best of either side, scored by meaning and scored by words."""
        from qdrant_client import models

        condition, params = rows.condition(filters), self._search_params()
        sides = [
            models.Prefetch(query=dense, using=rows.DENSE, filter=condition, params=params, limit=limit),
            models.Prefetch(query=sparse, using=rows.SPARSE, filter=condition, limit=limit),
        ]
        return [
            models.QueryRequest(
                prefetch=sides,
                query=query,
                using=using,
                filter=condition,
                limit=2 * limit,
                with_payload=using == rows.DENSE,
            )
            for query, using in ((dense, rows.DENSE), (sparse, rows.SPARSE))
        ]

    async def delete(self, collection: str, ids: Sequence[UUID], organization_id: UUID) -> None:
        await self._size(collection)
        if ids:
            await self._delete(collection, rows.owned_points(organization_id, ids), organization_id)

    async def delete_documents(self, collection: str, document_ids: Sequence[UUID], organization_id: UUID) -> None:
        await self._size(collection)
        if document_ids:
            await self._delete(collection, rows.owned(organization_id, DOCUMENT, document_ids), organization_id)

    async def delete_version(self, collection: str, version_id: UUID, organization_id: UUID) -> None:
        await self._size(collection)
        await self._delete(collection, rows.owned(organization_id, VERSION, (version_id,)), organization_id)

    async def _delete(self, collection: str, condition: models.Filter, organization_id: UUID) -> None:
        from qdrant_client import models

        selector = models.FilterSelector(filter=condition)
        async with self._calling("vector_delete", organization_id) as client:
            result = await client.delete(self._named(collection), points_selector=selector, wait=True)
        _check_done(result)

    async def count(self, collection: str, filters: VectorFilter) -> int:
        await self._size(collection)
        if admits_nothing(filters):
            return 0
        async with self._calling("vector_count", filters.organization_id) as client:
            result = await client.count(self._named(collection), count_filter=rows.condition(filters), exact=True)
        return result.count

    @asynccontextmanager
    async def _calling(self, operation: str, organization_id: UUID) -> AsyncIterator[AsyncQdrantClient]:
        """One call, timed as ``operation``; its failures and its silence become ours."""
        client = self._opened()
        with span(operation, organization_id=organization_id):
            async with answering(self._options.timeout_s):
                yield client

    async def _create(self, name: str, vector_size: int) -> None:
        try:
            async with answering(self._options.timeout_s):
                await collections.create(self._opened(), self._named(name), vector_size, self._options)
        except ProviderError:
            # Another process may have been faster; whether it made the same is looked at next.
            if not await self._exists(name):
                raise
        log.info("vector_collection_ready", collection=name, vector_size=vector_size)

    async def _exists(self, name: str) -> bool:
        async with answering(self._options.timeout_s):
            return await self._opened().collection_exists(self._named(name))

    async def _size(self, collection: str) -> int:
        """Dimensions of a collection.

        Raises:
            ProviderError: It does not exist.
            ConfigurationError: It is not one of ours.
        """
        check_name(collection)
        self._opened()
        if collection not in self._sizes:
            if not await self._exists(collection):
                raise ProviderError(f"The vector collection '{collection}' does not exist.")
            async with answering(self._options.timeout_s):
                info = await self._opened().get_collection(self._named(collection))
            self._sizes[collection] = collections.size_of(self._named(collection), info)
        return self._sizes[collection]

    def _named(self, collection: str) -> str:
        return f"{self._options.collection_prefix}{collection}"

    def _search_params(self) -> models.SearchParams | None:
        from qdrant_client import models

        # The embedded engine is exact and warns about being told how to approximate.
        return None if self._options.embedded else models.SearchParams(hnsw_ef=self._options.search_ef)

    def _opened(self) -> AsyncQdrantClient:
        if self._client is None:
            raise ProviderError("The vector store is not started.")
        return self._client


def _cosine(score: float) -> float:
    return min(1.0, max(-1.0, score))


def _check_done(result: models.UpdateResult) -> None:
    """A server that could not wait for a write to be visible says so; a probe right after it would find nothing."""
    if result.status.value != "completed":
        raise ProviderUnavailableError(f"{SERVICE} has not finished writing.", next_step="Try again.")
