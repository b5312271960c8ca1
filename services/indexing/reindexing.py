"""How does a version that was read before get into an index again, without its file and without the model?

Its chunks are rows and its vectors are kept beside the stores, so both are written as they are. Where the model is
another one, or the rules by which chunks are cut, the file must be read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from core.states import DocumentStatus, IngestionStage, TaskStatus
from core.types import VectorPayload
from db.models import Document
from db.repositories.indexes import IndexRepository
from db.unit_of_work import Database
from services.indexing.embedding import FIRST_PERCENT, LAST_PERCENT
from services.search_index.indexes import Index, Indexes
from services.search_index.stored_vectors import kept_version, weights_of
from services.search_index.term_statistics import LexicalIndex
from services.search_index.vectors import probe, probe_positions, store_vectors
from services.tasks.leases import LeaseKeeper
from services.tasks.progress import TaskProgress

log = structlog.get_logger(__name__)

BATCH = 256


class StoredVectorReindexer:
    """Reindexer that brings the version that answers into the indexes that lack it."""

    def __init__(self, database: Database, leases: LeaseKeeper, indexes: Indexes, lexical: LexicalIndex) -> None:
        self._database = database
        self._leases = leases
        self._indexes = indexes
        self._lexical = lexical

    async def reindex(self, progress: TaskProgress, payload: VectorPayload) -> bool:
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
                status=TaskStatus.COMPLETED,
                stage=IngestionStage.READY,
                progress=100,
                completed_at=datetime.now(UTC),
                lease_until=None,
                meta=progress.finished(),
            )
            document = await session.get_one(Document, payload.document_id, with_for_update=True)
            document.status = DocumentStatus.READY
            repository = IndexRepository(session)
            await repository.join(payload.organization_id, payload.version_id, {index.id for index in reached})
