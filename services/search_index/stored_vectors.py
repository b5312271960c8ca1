"""Which vectors of a version are kept beside the stores, with the chunks they belong to?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.types import SparseVector, Vector
from db.models import DocumentChunk
from db.repositories.kept_vectors import KeptVectorsRepository
from services.search_index.chunks import indexed_text
from services.search_index.term_statistics import LexicalIndex, count_terms


@dataclass(frozen=True, slots=True)
class KeptVersion:
    """All chunks of a version in their order; ``texts`` as they are indexed, with their language."""

    ids: Sequence[UUID]
    texts: Sequence[tuple[str, str]]
    vectors: Vector


async def kept_version(session: AsyncSession, version_id: UUID, model: str) -> KeptVersion | None:
    """A version of which every chunk has a kept vector of the model; otherwise None."""
    rows = await session.execute(
        select(DocumentChunk.id, DocumentChunk.context, DocumentChunk.content, DocumentChunk.language)
        .where(DocumentChunk.version_id == version_id, ~DocumentChunk.is_deleted)
        .order_by(DocumentChunk.chunk_index)
    )
    chunks = rows.all()
    kept = await KeptVectorsRepository(session).of([version_id], model)
    if not chunks or not {row.id for row in chunks} <= kept.keys():
        return None
    ids = [row.id for row in chunks]
    texts = [(indexed_text(row.context, row.content), row.language) for row in chunks]
    return KeptVersion(ids, texts, np.stack([kept[one] for one in ids]))


async def weights_of(lexical: LexicalIndex, organization_id: UUID, kept: KeptVersion) -> list[SparseVector]:
    """What words weigh in each chunk, by the statistics of now."""
    counted = await asyncio.to_thread(lambda: [count_terms(*text) for text in kept.texts])
    return await lexical.weigh_chunks(organization_id, counted)
