"""How are vectors stored in Chroma and searched there?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
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
from plugins.interfaces import PluginContext, StandIn
from plugins.vector_db.checks import (
    admits_nothing,
    check_name,
    check_shape,
    check_terms,
    one_organization,
    unit_vectors,
)
from plugins.vector_db.chroma import rows
from plugins.vector_db.chroma.engine import SERVICE, CollectionGoneError, Engine, Near, Where, metadata_for
from plugins.vector_db.chroma.options import MEMORY, ChromaOptions
from plugins.vector_db.metadata import DOCUMENT, VERSION, found, row_id

log = structlog.get_logger(__name__)

_HEALTH_TIMEOUT_S: Final = 4.5
_PAGE: Final = 10_000
_DELETED_AT_ONCE: Final = 1_000
# Chroma wants three characters or more, and a letter or digit at the end.
_SUFFIX: Final = "-vectors"


class ChromaProvider:
    """Vectors of all organisations in one Chroma collection; every call carries the organisation as a filter."""

    Options = ChromaOptions

    def __init__(self, options: ChromaOptions, context: PluginContext) -> None:
        self._options = options
        self._context = context
        self._engine: Engine | None = None
        self._known: dict[str, tuple[str, int]] = {}

    @property
    def supports_sparse(self) -> bool:
        return False

    @classmethod
    def stand_in(cls, options: ChromaOptions) -> StandIn | None:
        """As a fallback, PostgreSQL: the engine in a folder is for one process, and chat and worker are two."""
        if not options.persist_directory or options.persist_directory == MEMORY:
            return None
        return StandIn(
            "plugins.vector_db.pgvector:PgvectorProvider",
            f"Chroma in a folder ({options.persist_directory}) can be opened by one process alone, and chat and worker "
            "are two; vectors for the fallback are kept in PostgreSQL. For Chroma run its server, and name host and "
            "port.",
        )

    async def start(self) -> None:
        self._engine = _engine(self._options, self._context)
        await self._engine.open()

    async def close(self) -> None:
        engine, self._engine = self._engine, None
        self._known.clear()
        if engine is not None:
            await engine.close()

    async def health_check(self) -> Health:
        started = time.perf_counter()
        try:
            await self._opened().check(min(self._options.timeout_s, _HEALTH_TIMEOUT_S))
        except KnowledgeFoundryError as error:
            return Health(PluginStatus.BROKEN, str(error))
        return Health(PluginStatus.HEALTHY, latency_ms=(time.perf_counter() - started) * 1000)

    async def create_collection(self, name: str, vector_size: int, distance_metric: str = "cosine") -> None:
        check_name(name)
        check_shape(SERVICE, vector_size, distance_metric)
        self._known.pop(name, None)
        if await self._opened().find(self._named(name)) is None:
            await self._create(name, vector_size)
        _, size = await self._collection(name)
        if size != vector_size:
            raise ConfigurationError(
                f"The vector collection '{name}' has {size} dimensions, the settings say {vector_size}.",
                next_step="Use another collection name for another model.",
            )

    async def upsert(
        self,
        collection: str,
        vectors: Vector,
        payloads: Sequence[VectorPayload],
        ids: Sequence[UUID],
        sparse_vectors: Sequence[SparseVector] | None = None,
    ) -> None:
        _, size = await self._collection(collection)
        organization = one_organization(vectors, payloads, ids, sparse_vectors)
        if organization is None:
            return
        for terms in sparse_vectors or ():
            # They are not stored; a mistake of the caller's is told all the same.
            check_terms(terms)
        packed = await asyncio.to_thread(rows.packed, unit_vectors(vectors, size), payloads, ids)
        async with self._calling("vector_upsert", organization, collection) as (engine, inside):
            batch = engine.batch(size)
            for start in range(0, len(packed.ids), batch):
                await engine.upsert(inside, packed.part(start, batch))

    async def search(self, collection: str, query_vector: Vector, limit: int, filters: VectorFilter) -> list[VectorHit]:
        return await self._nearest("vector_search", collection, query_vector, limit, filters)

    async def search_hybrid(
        self,
        collection: str,
        query_vector: Vector,
        sparse_vector: SparseVector,
        limit: int,
        filters: VectorFilter,
    ) -> list[HybridHit]:
        check_terms(sparse_vector)
        hits = await self._nearest("vector_search_hybrid", collection, query_vector, limit, filters)
        return [HybridHit(hit.id, hit.payload, hit.score, None) for hit in hits]

    async def _nearest(
        self, operation: str, collection: str, query_vector: Vector, limit: int, filters: VectorFilter
    ) -> list[VectorHit]:
        _, size = await self._collection(collection)
        dense = unit_vectors(np.atleast_2d(query_vector), size)[0].tolist()
        if admits_nothing(filters) or limit < 1:
            return []
        async with self._calling(operation, filters.organization_id, collection) as (engine, inside):
            near = await engine.query(inside, dense, limit, rows.condition(filters))
        return [_hit(one, filters.organization_id) for one in near]

    async def delete(self, collection: str, ids: Sequence[UUID], organization_id: UUID) -> None:
        # Such an id says whose row it is; naming the organisation beside ids makes Chroma 25 times slower.
        named = [row_id(organization_id, chunk) for chunk in dict.fromkeys(ids)]
        await self._collection(collection)
        if not named:
            return
        async with self._calling("vector_delete", organization_id, collection) as (engine, inside):
            for start in range(0, len(named), _DELETED_AT_ONCE):
                await engine.delete_ids(inside, named[start : start + _DELETED_AT_ONCE])

    async def delete_documents(self, collection: str, document_ids: Sequence[UUID], organization_id: UUID) -> None:
        await self._collection(collection)
        if document_ids:
            await self._delete(collection, rows.owned(organization_id, DOCUMENT, document_ids), organization_id)

    async def delete_version(self, collection: str, version_id: UUID, organization_id: UUID) -> None:
        await self._delete(collection, rows.owned(organization_id, VERSION, (version_id,)), organization_id)

    async def _delete(self, collection: str, condition: Where, organization_id: UUID) -> None:
        async with self._calling("vector_delete", organization_id, collection) as (engine, inside):
            await engine.delete(inside, condition)

    async def count(self, collection: str, filters: VectorFilter) -> int:
        await self._collection(collection)
        if admits_nothing(filters):
            return 0
        total = 0
        async with self._calling("vector_count", filters.organization_id, collection) as (engine, inside):
            # Chroma counts whole collections only; with a condition it lists ids.
            while True:
                page = await engine.count(inside, rows.condition(filters), _PAGE, total)
                total += page
                if page < _PAGE:
                    return total

    @asynccontextmanager
    async def _calling(
        self, operation: str, organization_id: UUID, collection: str
    ) -> AsyncIterator[tuple[Engine, str]]:
        """Calls inside a collection, timed as ``operation``; yields the engine and the collection's id."""
        inside, _ = await self._collection(collection)
        try:
            with span(operation, organization_id=organization_id):
                yield self._opened(), inside
        except CollectionGoneError:
            # Somebody may have made it anew, under another id.
            self._known.pop(collection, None)
            raise

    async def _create(self, name: str, vector_size: int) -> None:
        try:
            await self._opened().create(self._named(name), metadata_for(vector_size), self._options.search_ef)
        except ProviderError:
            # Another process may have been faster; whether it made the same is looked at next.
            if await self._opened().find(self._named(name)) is None:
                raise
        log.info("vector_collection_ready", collection=name, vector_size=vector_size)

    async def _collection(self, collection: str) -> tuple[str, int]:
        """Id and dimensions of a collection.

        Raises:
            ProviderError: It does not exist.
            ConfigurationError: It is not one of ours.
        """
        check_name(collection)
        engine = self._opened()
        if collection not in self._known:
            shape = await engine.find(self._named(collection))
            if shape is None:
                raise ProviderError(f"The vector collection '{collection}' does not exist.")
            self._known[collection] = (shape.id, shape.size(self._named(collection)))
        return self._known[collection]

    def _named(self, collection: str) -> str:
        return f"{self._options.collection_prefix}{collection}{_SUFFIX}"

    def _opened(self) -> Engine:
        if self._engine is None:
            raise ProviderError("The vector store is not started.")
        return self._engine


def _engine(options: ChromaOptions, context: PluginContext) -> Engine:
    if options.persist_directory:
        from plugins.vector_db.chroma.embedded import ChromaEmbedded

        return ChromaEmbedded(options, context.data_dir)
    if not options.address:
        raise ConfigurationError(
            "vector_db 'chroma' does not know where Chroma is.", next_step="Set url, host or path in its entry."
        )
    from plugins.vector_db.chroma.server import ChromaServer

    return ChromaServer(options, context.http)


def _hit(near: Near, organization_id: UUID) -> VectorHit:
    chunk, payload = found(near.metadata, organization_id, SERVICE)
    return VectorHit(chunk, min(1.0, max(-1.0, 1.0 - near.distance)), payload)
