"""How does a version that answers no more take part in a search, or come back?

The stores hold the versions that answer. Of the others the vectors are kept beside them, and compared one by one: those
of a moment are few, and nobody asks about the past all day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.types import HybridHit, SparseVector, Vector, VectorFilter, VectorPayload
from db.models import Document, DocumentChunk, DocumentVersion
from db.repositories.indexes import IndexRepository
from db.repositories.kept_vectors import KeptVectorsRepository
from db.repositories.versions import VersionRepository
from db.unit_of_work import Database
from services.search_index.chunks import indexed_text
from services.search_index.indexes import Indexes
from services.search_index.stored_vectors import kept_version, weights_of
from services.search_index.term_statistics import LexicalIndex, count_terms
from services.search_index.vectors import store_vectors

MOST = 2000
"""Versions of a moment that are compared; of more the search says that its view of the past is not whole."""


@dataclass(frozen=True, slots=True)
class Past:
    """Versions that answered at a moment and leave the indexes or have left them, with what hits carry of them.

    Attributes:
        whole: Whether the vectors of all that have left them are kept, and they are not too many.
    """

    versions: Mapping[UUID, VectorPayload]
    whole: bool


class PastVersions:
    """Former versions, searched and brought back."""

    def __init__(self, database: Database, indexes: Indexes, lexical: LexicalIndex) -> None:
        self._database = database
        self._indexes = indexes
        self._lexical = lexical

    async def at(self, session: AsyncSession, filters: VectorFilter, as_of: datetime, inside: frozenset[UUID]) -> Past:
        """Those of a moment that the indexes ``inside`` do not hold, or not for long."""
        rows = await VersionRepository(session).past(filters.collection_ids or frozenset(), as_of, inside)
        payloads = {
            row.version_id: VectorPayload(filters.organization_id, row.collection_id, row.document_id, row.version_id)
            for row in rows[:MOST]
        }
        kept = await KeptVectorsRepository(session).versions(payloads.keys(), self._indexes.primary.model)
        whole = len(rows) <= MOST and all(row.version_id in kept or row.inside for row in rows)
        return Past({key: payload for key, payload in payloads.items() if key in kept}, whole)

    async def hits(self, past: Past, dense: Vector, words: SparseVector, depth: int) -> list[HybridHit]:
        """The ``depth`` nearest by cosine, with both scores as a store would give them."""
        if not past.versions:
            return []
        organization_id = next(iter(past.versions.values())).organization_id
        async with self._database.transaction(organization_id) as session:
            kept = await KeptVectorsRepository(session).of(past.versions.keys(), self._indexes.primary.model)
            cosines = await asyncio.to_thread(_nearest, kept, dense, depth)
            rows = await session.execute(
                select(
                    DocumentChunk.id,
                    DocumentChunk.version_id,
                    DocumentChunk.context,
                    DocumentChunk.content,
                    DocumentChunk.language,
                ).where(DocumentChunk.id.in_(cosines), ~DocumentChunk.is_deleted)
            )
            chunks = rows.all()
        texts = [(indexed_text(row.context, row.content), row.language) for row in chunks]
        counted = await asyncio.to_thread(lambda: [count_terms(*text) for text in texts])
        weights = await self._lexical.weigh_chunks(organization_id, counted)
        wanted = dict(zip(words.indices, words.values, strict=True))
        return [
            HybridHit(row.id, past.versions[row.version_id], cosines[row.id], _dot(weight, wanted))
            for row, weight in zip(chunks, weights, strict=True)
        ]

    async def bring_back(self, session: AsyncSession, document: Document, version: DocumentVersion) -> bool:
        """Put a version's vectors into the indexes again, without the model; False where they are not all kept.

        The caller holds the document's row and makes the version answer in the same transaction.

        Raises:
            KnowledgeFoundryError: The store does not take them.
        """
        kept = await kept_version(session, version.id, self._indexes.primary.model)
        if kept is None:
            return False
        organization_id = document.organization_id
        sparse = await weights_of(self._lexical, organization_id, kept)
        payload = VectorPayload(organization_id, document.collection_id, document.id, version.id)
        reached = await store_vectors(self._indexes, payload, kept.ids, kept.vectors, sparse)
        await IndexRepository(session).join(organization_id, version.id, {index.id for index in reached})
        return True


def _nearest(kept: Mapping[UUID, Vector], dense: Vector, depth: int) -> dict[UUID, float]:
    ids = list(kept)
    matrix = np.stack([kept[one] for one in ids])
    cosines = (matrix @ dense) / (np.linalg.norm(matrix, axis=1) * np.linalg.norm(dense))
    return {ids[place]: float(cosines[place]) for place in np.argsort(-cosines)[:depth]}


def _dot(weights: SparseVector, wanted: Mapping[int, float]) -> float:
    return sum(value * wanted.get(index, 0.0) for index, value in zip(weights.indices, weights.values, strict=True))
