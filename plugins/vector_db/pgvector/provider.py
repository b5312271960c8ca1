"""How are vectors stored and searched inside PostgreSQL?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final, Literal, LiteralString
from uuid import UUID

import numpy as np
import structlog
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field

from core.errors import ConfigurationError, KnowledgeFoundryError, ProviderError
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
from plugins.vector_db.pgvector import encoding
from plugins.vector_db.pgvector import sql as statements
from plugins.vector_db.pgvector.connections import (
    POOL_TIMEOUT_S,
    Connection,
    Pool,
    check_role,
    embedding_column,
    make_collection,
    make_pool,
    tenant_transaction,
    translated,
)
from plugins.vector_db.pgvector.terms import choose_terms, index_keys
from plugins.vector_db.placement import PlacementOptions

log = structlog.get_logger(__name__)

_COUNT_LIFETIME_S: Final = 60.0
_COUNTS_KEPT: Final = 1024


class PgvectorOptions(PlacementOptions):
    """Settings of the ``pgvector`` plugin.

    Attributes:
        precision: How dense components are stored: ``half`` takes half the memory and moves cosines by about .0001.
        exact_limit: Rows per search up to which dense search is meant to be exact over the tenant's rows. This version
            is exact beyond it too, and logs ``vector_search_beyond_exact_limit`` because it gets slow there.
        sparse_exact_limit: Rows up to which a hybrid search scores every row instead of choosing by rare terms.
        sparse_candidates: About how many rows the rarer terms of a query may choose beyond that.
    """

    precision: Literal["half", "single"] = "half"
    pool_size: int = Field(default=8, ge=1, le=100)
    statement_timeout_s: float = Field(default=30.0, gt=0)
    upsert_batch: int = Field(default=500, ge=1, le=10_000)
    exact_limit: int = Field(default=50_000, ge=0)
    sparse_exact_limit: int = Field(default=5_000, ge=0)
    sparse_candidates: int = Field(default=5_000, ge=100)


class PgvectorProvider:
    """Vectors in the schema ``vectors``, one table a collection, bound to a tenant in every transaction."""

    Options = PgvectorOptions

    def __init__(self, options: PgvectorOptions, context: PluginContext) -> None:
        self._options = options
        self._database_url = context.database_url
        self._migration_url = context.migration_url
        self._pool: Pool | None = None
        self._columns: dict[str, tuple[str, int]] = {}
        self._counts: dict[tuple[str, VectorFilter], tuple[float, int]] = {}

    @property
    def supports_sparse(self) -> bool:
        return True

    async def start(self) -> None:
        if not self._database_url:
            raise ConfigurationError(
                "vector_db 'pgvector' needs a PostgreSQL database.", next_step="Set the section 'database'."
            )
        await check_role(self._database_url)
        self._pool = make_pool(self._database_url, self._options.pool_size, self._options.statement_timeout_s)
        with translated():
            await self._pool.open(wait=True, timeout=POOL_TIMEOUT_S)

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def health_check(self) -> Health:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(4.5):
                with translated():
                    async with self._opened().connection(timeout=4.0) as connection:
                        await connection.execute("SELECT 1")
        except (KnowledgeFoundryError, TimeoutError) as error:
            return Health(PluginStatus.BROKEN, str(error) or "PostgreSQL did not answer within 4.5 s.")
        return Health(PluginStatus.HEALTHY, latency_ms=(time.perf_counter() - started) * 1000)

    async def create_collection(self, name: str, vector_size: int, distance_metric: str = "cosine") -> None:
        check_name(name)
        check_shape("pgvector", vector_size, distance_metric)
        column = await self._find_column(name)
        if column is None:
            if not self._migration_url:
                raise ConfigurationError(
                    f"The vector collection '{name}' does not exist and this process must not create it.",
                    next_step="Run 'foundry migrate'.",
                )
            embedding_type = "halfvec" if self._options.precision == "half" else "vector"
            await make_collection(self._migration_url, name, vector_size, embedding_type, self._application_role())
            column = await self._column(name)
            log.info("vector_collection_ready", collection=name, vector_size=vector_size)
        if column[1] != vector_size:
            raise ConfigurationError(
                f"The vector collection '{name}' has {column[1]} dimensions, the settings say {vector_size}.",
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
        embedding_type, size = await self._column(collection)
        organization = one_organization(vectors, payloads, ids, sparse_vectors)
        if organization is None:
            return
        checked = unit_vectors(vectors, size)
        # Packing thousands of rows takes long enough to be felt by other requests on the loop.
        rows = await asyncio.to_thread(encoding.rows, checked, payloads, ids, sparse_vectors, embedding_type)
        statement, batch = statements.upsert(collection), self._options.upsert_batch
        async with tenant_transaction(self._opened(), organization, "vector_upsert") as connection:
            async with connection.cursor() as cursor:
                for start in range(0, len(rows), batch):
                    await cursor.executemany(statement, rows[start : start + batch])

    async def search(self, collection: str, query_vector: Vector, limit: int, filters: VectorFilter) -> list[VectorHit]:
        embedding_type, size = await self._column(collection)
        query = encoding.to_pg(unit_vectors(np.atleast_2d(query_vector), size)[0], embedding_type)
        if admits_nothing(filters) or limit < 1:
            return []
        parameters = {**_filter_parameters(filters), "dense": query, "limit": limit}
        async with tenant_transaction(self._opened(), filters.organization_id, "vector_search") as connection:
            await self._rows_admitted(connection, collection, filters)
            found = await (await connection.execute(statements.search_dense(collection), parameters)).fetchall()
        return [
            VectorHit(row[0], min(1.0, max(-1.0, row[4])), VectorPayload(filters.organization_id, *row[1:4]))
            for row in found
        ]

    async def search_hybrid(
        self,
        collection: str,
        query_vector: Vector,
        sparse_vector: SparseVector,
        limit: int,
        filters: VectorFilter,
    ) -> list[HybridHit]:
        embedding_type, size = await self._column(collection)
        parameters: dict[str, Any] = {
            **_filter_parameters(filters),
            "dense": encoding.to_pg(unit_vectors(np.atleast_2d(query_vector), size)[0], embedding_type),
            "sparse": encoding.sparse(sparse_vector),
            "limit": limit,
        }
        if admits_nothing(filters) or limit < 1:
            return []
        async with tenant_transaction(self._opened(), filters.organization_id, "vector_search_hybrid") as connection:
            rows = await self._rows_admitted(connection, collection, filters)
            if rows <= self._options.sparse_exact_limit:
                statement = statements.search_hybrid_exact(collection)
                found = await (await connection.execute(statement, parameters)).fetchall()
            else:
                found = await self._search_by_rare_terms(connection, collection, sparse_vector, parameters, rows)
        return [
            HybridHit(
                row[0],
                VectorPayload(filters.organization_id, *row[1:4]),
                dense_score=min(1.0, max(-1.0, row[4])),
                sparse_score=row[5],
            )
            for row in found
        ]

    async def _search_by_rare_terms(
        self, connection: Connection, collection: str, query: SparseVector, parameters: dict[str, Any], rows: int
    ) -> list[tuple[Any, ...]]:
        """One statement; a second with all terms only when the rare ones chose fewer rows than were asked for."""
        statement, limit = statements.search_hybrid_candidates(collection), parameters["limit"]
        found: list[tuple[Any, ...]] = []
        rare = choose_terms(query, rows, limit, self._options.sparse_candidates)
        for chosen in (rare, query.indices) if len(rare) < len(query.indices) else (rare,):
            keys = index_keys(chosen, parameters["organization"])
            found = await (await connection.execute(statement, {**parameters, "keys": keys})).fetchall()
            if found and found[0][6] >= limit:
                break
        return found

    async def delete(self, collection: str, ids: Sequence[UUID], organization_id: UUID) -> None:
        await self._delete(collection, "id", ids, organization_id)

    async def delete_documents(self, collection: str, document_ids: Sequence[UUID], organization_id: UUID) -> None:
        await self._delete(collection, "document_id", document_ids, organization_id)

    async def delete_version(self, collection: str, version_id: UUID, organization_id: UUID) -> None:
        await self._delete(collection, "version_id", (version_id,), organization_id)

    async def _delete(
        self, collection: str, column: LiteralString, values: Sequence[UUID], organization_id: UUID
    ) -> None:
        await self._column(collection)
        if values:
            async with tenant_transaction(self._opened(), organization_id, "vector_delete") as connection:
                await connection.execute(
                    statements.delete(collection, column), {"organization": organization_id, "values": list(values)}
                )

    async def count(self, collection: str, filters: VectorFilter) -> int:
        await self._column(collection)
        if admits_nothing(filters):
            return 0
        async with tenant_transaction(self._opened(), filters.organization_id, "vector_count") as connection:
            return await _count(connection, statements.count(collection), filters)

    async def _rows_admitted(self, connection: Connection, collection: str, filters: VectorFilter) -> int:
        """About how many rows a search reads; up to a minute old, because it only decides how to search."""
        key, now = (collection, filters), time.monotonic()
        known = self._counts.get(key)
        if known is not None and now - known[0] < _COUNT_LIFETIME_S:
            return known[1]
        rows = await _count(connection, statements.count(collection), filters)
        if len(self._counts) >= _COUNTS_KEPT:
            self._counts.clear()
        self._counts[key] = (now, rows)
        if rows > self._options.exact_limit:
            log.warning("vector_search_beyond_exact_limit", rows=rows, exact_limit=self._options.exact_limit)
        return rows

    async def _column(self, collection: str) -> tuple[str, int]:
        """Type and dimensions of a collection.

        Raises:
            ProviderError: It does not exist.
        """
        column = self._columns.get(collection) or await self._find_column(collection)
        if column is None:
            raise ProviderError(f"The vector collection '{collection}' does not exist.")
        return column

    async def _find_column(self, collection: str) -> tuple[str, int] | None:
        check_name(collection)
        with translated():
            async with self._opened().connection() as connection:
                column = await embedding_column(connection, collection)
        if column is not None:
            self._columns[collection] = column
        return column

    def _opened(self) -> Pool:
        if self._pool is None:
            raise ProviderError("The vector store is not started.")
        return self._pool

    def _application_role(self) -> str:
        role = conninfo_to_dict(self._database_url).get("user")
        if not role:
            raise ConfigurationError("database_url names no user, so nobody can be granted the vector tables.")
        return str(role)


def _filter_parameters(filters: VectorFilter) -> dict[str, Any]:
    return {
        "organization": filters.organization_id,
        "collections": None if filters.collection_ids is None else list(filters.collection_ids),
        "documents": None if filters.document_ids is None else list(filters.document_ids),
    }


async def _count(connection: Connection, statement: sql.Composed, filters: VectorFilter) -> int:
    row = await (await connection.execute(statement, _filter_parameters(filters))).fetchone()
    return int(row[0]) if row else 0
