"""How do the vectors of a version get into the indexes?"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog

from core.errors import ConflictError, KnowledgeFoundryError, ProviderUnavailableError
from core.types import SparseVector, Vector, VectorFilter, VectorPayload
from plugins.interfaces import VectorDBProvider
from services.search_index.indexes import Index, Indexes

log = structlog.get_logger(__name__)

PROBES = 3


async def store_vectors(
    indexes: Indexes, payload: VectorPayload, ids: Sequence[UUID], vectors: Vector, sparse: Sequence[SparseVector]
) -> list[Index]:
    """Write to every index; one that is only a fallback may be down. Returns those that have them all.

    Raises:
        ProviderError: The primary does not take them.
    """
    reached = []
    for index in indexes.written:
        try:
            await _store(index).upsert(index.collection, vectors, [payload] * len(ids), ids, sparse)
            reached.append(index)
        except KnowledgeFoundryError as error:
            if index is indexes.primary:
                raise
            log.warning("fallback_store_down", store=index.store, reason=error.code)
    return reached


def probe_positions(count: int) -> range:
    """Which of so many chunks are looked for."""
    return range(0, count, max(1, count // PROBES))


async def probe(index: Index, payload: VectorPayload, ids: Sequence[UUID], vectors: Vector) -> None:
    """Ready means that a search finds it: chunks are looked for by their own vectors.

    Raises:
        ConflictError: One is not found.
    """
    filters = VectorFilter(payload.organization_id, document_ids=frozenset({payload.document_id}))
    for chunk_id, vector in zip(ids, vectors, strict=True):
        hits = await _store(index).search(index.collection, vector, 10, filters)
        nearest = {hit.id for hit in hits}
        same = {hit.id for hit in hits if hit.score > 0.999}
        if chunk_id not in nearest and not same:
            raise ConflictError("The search does not find the document yet.")


async def remove_vectors(indexes: Sequence[Index], ids: Sequence[UUID], organization_id: UUID) -> None:
    """Take away vectors of chunks that are no more; what is left behind is never shown."""
    for index in indexes:
        try:
            await _store(index).delete(index.collection, ids, organization_id)
        except KnowledgeFoundryError as error:
            log.warning("vectors_left_behind", store=index.store, reason=error.code)


async def remove_documents(indexes: Sequence[Index], ids: Sequence[UUID], organization_id: UUID) -> None:
    """Take away all vectors of documents, wherever they lie."""
    for index in indexes:
        try:
            await _store(index).delete_documents(index.collection, ids, organization_id)
        except KnowledgeFoundryError as error:
            # Vectors without rows are never shown; the sweep of orphans removes them.
            log.warning("vectors_left_behind", store=index.store, reason=error.code)


def _store(index: Index) -> VectorDBProvider:
    if index.vectors is None:
        raise ProviderUnavailableError(f"The vector store {index.store} does not run.")
    return index.vectors
