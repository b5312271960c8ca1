"""How does a version that was read before get into an index again, without its file and without the model?

Its chunks are rows and its vectors are kept beside the stores, so both are written as they are. Where the model is
another one, or the rules by which chunks are cut, the file must be read again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.types import SparseVector, Vector, VectorPayload
from db.models import Document, DocumentChunk
from db.repositories.indexes import IndexRepository
from db.repositories.kept_vectors import KeptVectorsRepository
from db.unit_of_work import Database
from services.chunk_rows import indexed_text
from services.indexes import Index, Indexes
from services.leases import LeaseKeeper
from services.lexical import LexicalIndex, count_terms
from services.task_progress import TaskProgress
from services.vector_writing import probe, probe_positions, store_vectors
from services.version_vectors import FIRST_PERCENT, LAST_PERCENT
from services.views import IngestionStage

log = structlog.get_logger(__name__)

BATCH = 256


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


class Carrying:
    """Brings the version that answers into the indexes that lack it."""

    def __init__(self, database: Database, leases: LeaseKeeper, indexes: Indexes, lexical: LexicalIndex) -> None:
        self._database = database
        self._leases = leases
        self._indexes = indexes
        self._lexical = lexical

    async def carry(self, progress: TaskProgress, payload: VectorPayload) -> bool:
        """Do it under the task's lease, and end the task; False, and nothing done, where vectors are not all kept.

        Raises:
            KnowledgeFoundryError: The primary store does not take them.
            LeaseLostError: Somebody else has the task.
        """
        organization_id = payload.organization_id
        async with self._database.transaction(organization_id) as session:
            kept = await kept_version(session, payload.version_id, self._indexes.primary.model)
        if kept is None:
            return False
        sparse = await weights_of(self._lexical, organization_id, kept)
        reached = self._indexes.written
        for start in range(0, len(kept.ids), BATCH):
            part = slice(start, start + BATCH)
            percent = FIRST_PERCENT + (LAST_PERCENT - FIRST_PERCENT) * start // len(kept.ids)
            await progress.enter(IngestionStage.INDEXING, percent)
            took = await store_vectors(self._indexes, payload, kept.ids[part], kept.vectors[part], sparse[part])
            reached = tuple(index for index in reached if index in took)
        await progress.enter(IngestionStage.VERIFYING, LAST_PERCENT)
        places = probe_positions(len(kept.ids))
        await probe(self._indexes.primary, payload, [kept.ids[place] for place in places], kept.vectors[places])
        await self._end(progress, payload, reached)
        log.info("version_carried", version_id=str(payload.version_id), chunks=len(kept.ids))
        return True

    async def _end(self, progress: TaskProgress, payload: VectorPayload, reached: Sequence[Index]) -> None:
        async with self._database.transaction(payload.organization_id) as session:
            await self._leases.write(
                progress.lease,
                session,
                status="completed",
                stage=IngestionStage.READY.value,
                progress=100,
                completed_at=datetime.now(UTC),
                lease_until=None,
                meta=progress.finished(),
            )
            document = await session.get_one(Document, payload.document_id, with_for_update=True)
            document.status = "ready"
            repository = IndexRepository(session)
            await repository.join(payload.organization_id, payload.version_id, {index.id for index in reached})
