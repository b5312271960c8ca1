"""How does a version become the one that answers?

Chunks, statistics, the switch and the end of the task are one transaction that carries the lease's token: a reader sees
all of the old version or all of the new one, and a worker that lost its task changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from core.crash_points import crash_point
from core.types import ChunkDraft, JsonValue, ParsedDocument, ParsedPage
from db.models import Document, DocumentVersion
from db.repositories.indexes import IndexRepository
from db.repositories.lexical import LexicalRepository
from db.unit_of_work import Database
from services import word_places
from services.chunk_rows import count_out, replace_chunks
from services.indexes import Index, Indexes
from services.leases import LeaseKeeper
from services.lexical import TermCounts, chunks_per_term
from services.receipts import WARNINGS
from services.task_progress import TaskProgress
from services.views import IngestionStage


@dataclass(frozen=True, slots=True)
class Reading:
    """A version that was read, ready to be written.

    Attributes:
        model: Embedding model its vectors come from.
        rules: By which it was cut.
    """

    document_id: UUID
    version_id: UUID
    parsed: ParsedDocument
    drafts: Sequence[ChunkDraft]
    counted: Sequence[TermCounts]
    ids: Sequence[UUID]
    model: str
    rules: str


class VersionSwitch:
    """Writes a version and makes it the active one."""

    def __init__(self, database: Database, leases: LeaseKeeper, indexes: Indexes) -> None:
        self._database = database
        self._leases = leases
        self._indexes = indexes

    async def switch(self, progress: TaskProgress, reading: Reading, reached: Sequence[Index]) -> Sequence[UUID]:
        """Do it. Returns the chunks of the version that are no more, whose vectors can go.

        Args:
            reached: Indexes that have all its vectors.

        Raises:
            LeaseLostError: Somebody else has the task; nothing was written.
        """
        crash_point("switch.begin")
        lease, now = progress.lease, datetime.now(UTC)
        async with self._database.transaction(lease.organization_id) as session:
            await self._leases.write(
                lease,
                session,
                status="completed",
                stage=IngestionStage.READY.value,
                progress=100,
                completed_at=now,
                lease_until=None,
                meta=progress.finished(),
            )
            stale = await self._write(session, lease.organization_id, reading, now)
            repository = IndexRepository(session)
            await repository.leave(reading.version_id, {index.id for index in self._indexes.written})
            await repository.join(lease.organization_id, reading.version_id, {index.id for index in reached})
            crash_point("switch.written")
        crash_point("switch.committed")
        return stale

    async def _write(
        self, session: AsyncSession, organization_id: UUID, reading: Reading, now: datetime
    ) -> Sequence[UUID]:
        document = await session.get_one(Document, reading.document_id, with_for_update=True)
        lexical = LexicalRepository(session)
        if document.active_version_id is not None:
            await count_out(session, lexical, organization_id, document.active_version_id)
        stale = await replace_chunks(
            session,
            organization_id,
            (reading.document_id, reading.version_id),
            reading.drafts,
            reading.ids,
            {page.number: page.label for page in reading.parsed.pages},
        )
        await lexical.add(
            organization_id,
            chunks_per_term(reading.counted),
            chunks=len(reading.counted),
            terms=sum(chunk.length for chunk in reading.counted),
        )
        await _activate(session, document, reading, now)
        return stale


async def _activate(session: AsyncSession, document: Document, reading: Reading, now: datetime) -> None:
    if document.active_version_id not in (None, reading.version_id):
        await session.execute(
            update(DocumentVersion).where(DocumentVersion.id == document.active_version_id).values(valid_to=now)
        )
    version = await session.get_one(DocumentVersion, reading.version_id)
    version.page_count = len(reading.parsed.pages)
    version.chunk_count = len(reading.drafts)
    version.paged = reading.parsed.paged
    version.pages = [_kept(page) for page in reading.parsed.pages]
    version.embedding_model = reading.model
    version.chunking = reading.rules
    version.valid_from = version.valid_from or now
    version.valid_to = None
    version.failure_code = version.error_message = None
    version.meta = {**version.meta, WARNINGS: list(reading.parsed.warnings)}
    document.active_version_id = version.id
    document.file_path, document.mime_type = version.file_path, version.mime_type
    document.file_size = version.file_size
    document.status, document.error_message, document.indexed_at = "ready", None, now


def _kept(page: ParsedPage) -> dict[str, JsonValue]:
    kept: dict[str, JsonValue] = {"number": page.number, "label": page.label, "text": page.text}
    return {**kept, "words": word_places.stored(page.words)} if page.words else kept
