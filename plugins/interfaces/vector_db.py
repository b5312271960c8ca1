"""What must a vector store be able to do?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from core.types import HybridHit, SparseVector, Vector, VectorFilter, VectorHit, VectorPayload
from plugins.interfaces.plugin import Plugin


class VectorDBProvider(Plugin, Protocol):
    """A store of dense and, if it can, sparse vectors. It may be lost and rebuilt: PostgreSQL is the truth."""

    @property
    def supports_sparse(self) -> bool:
        """Sync. Whether ``search_hybrid`` uses the sparse vector."""

    async def create_collection(self, name: str, vector_size: int, distance_metric: str = "cosine") -> None:
        """Make the collection unless it exists.

        Raises:
            ConfigurationError: It exists with another size or metric.
        """

    async def upsert(
        self,
        collection: str,
        vectors: Vector,
        payloads: Sequence[VectorPayload],
        ids: Sequence[UUID],
        sparse_vectors: Sequence[SparseVector] | None = None,
    ) -> None:
        """Store ``(n, dim)`` vectors under their ids; the same id again replaces. All payloads share an organisation.

        Raises:
            ValidationError: Lengths or dimensions disagree, or payloads of two organisations.
        """

    async def search(self, collection: str, query_vector: Vector, limit: int, filters: VectorFilter) -> list[VectorHit]:
        """The ``limit`` nearest by cosine, best first, among those the filter admits."""

    async def search_hybrid(
        self,
        collection: str,
        query_vector: Vector,
        sparse_vector: SparseVector,
        limit: int,
        filters: VectorFilter,
    ) -> list[HybridHit]:
        """The union of the ``limit`` best of either side, in no promised order.

        Both scores are filled for every hit where the store can compute them, so that fusion needs no guess. The sparse
        score is the dot product of stored and query weights. An empty sparse vector means dense only.
        """

    async def delete(self, collection: str, ids: Sequence[UUID], organization_id: UUID) -> None:
        """Remove these vectors of this organisation; unknown ids are fine."""

    async def delete_documents(self, collection: str, document_ids: Sequence[UUID], organization_id: UUID) -> None:
        """Remove every vector of these documents."""

    async def delete_version(self, collection: str, version_id: UUID, organization_id: UUID) -> None:
        """Remove every vector of one document version."""

    async def count(self, collection: str, filters: VectorFilter) -> int:
        """How many vectors the filter admits."""
