"""How does a long document answer before all of it is read?

Only its first version, and only where ``ingestion.partial_answers`` allows: chunks whose vectors are stored are
written, counted and searched batch by batch, and whatever shows the document says how much of it is read. When reading
ends badly, all of that is taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.crash_points import crash_point
from core.states import DocumentStatus
from db.models import Document, DocumentChunk, DocumentVersion, VersionPeriod
from db.repositories.documents import PARTIAL
from db.repositories.indexes import IndexRepository
from db.repositories.lexical import LexicalRepository
from db.unit_of_work import Database
from services.indexing.publication import ParsedVersion, stored_pages
from services.search_index.chunks import add_chunks, statistics_of
from services.search_index.indexes import Index
from services.search_index.term_statistics import Statistics
from services.tasks.leases import LeaseKeeper
from services.tasks.progress import PagesRead, TaskProgress
from services.uploads.activation import activate


class PartialAnswers:
    """Publication of one version as its vectors come."""

    def __init__(self, database: Database, leases: LeaseKeeper, progress: TaskProgress, reading: ParsedVersion) -> None:
        self._database = database
        self._progress = progress
        self._leases = leases
        self._reading = reading

    async def publish(self, reached: Sequence[Index], count: int) -> None:
        """Let the first ``count`` chunks answer; nothing where another version does, or this one whole.

        Raises:
            LeaseLostError: Somebody else has the task; nothing was written.
        """
        crash_point("partial.begin")
        reading, organization_id = self._reading, self._progress.lease.organization_id
        async with self._database.transaction(organization_id) as session:
            await self._leases.write(self._progress.lease, session, meta=self._progress.meta)
            document = await session.get_one(Document, reading.document_id, with_for_update=True)
            version = await session.get_one(DocumentVersion, reading.version_id)
            begun = PagesRead.kept(version.meta, PARTIAL) is not None
            if document.active_version_id != (version.id if begun else None):
                return
            written = await self._written(session) if begun else 0
            before = await statistics_of(session, document.active_version_id)
            part = slice(written, count)
            await add_chunks(
                session,
                organization_id,
                (document.id, version.id),
                reading.drafts[part],
                reading.ids[part],
                reading.labels,
            )
            new = Statistics.of(reading.counted[part])
            await LexicalRepository(session).add(organization_id, new.term_chunks, chunks=new.chunks, terms=new.terms)
            version.term_counts, version.chunk_count = before.plus(new).packed(), count
            version.meta = {**version.meta, PARTIAL: reading.pages_of(count).packed()}
            if not begun:
                version.page_count, version.paged = len(reading.parsed.pages), reading.parsed.paged
                version.pages, version.embedding_model = stored_pages(reading.parsed), reading.model
                await IndexRepository(session).join(organization_id, version.id, {index.id for index in reached})
                await activate(session, document, version)
                document.status = DocumentStatus.INDEXING
            crash_point("partial.written")
        crash_point("partial.committed")

    async def _written(self, session: AsyncSession) -> int:
        mine = DocumentChunk.version_id == self._reading.version_id
        return await session.scalar(select(func.count(DocumentChunk.id)).where(mine, ~DocumentChunk.is_deleted)) or 0


async def take_back(session: AsyncSession, document: Document, version: DocumentVersion) -> None:
    """Have a version answer no more of which only a part was read; nothing for any other.

    The caller holds the document's row and ended the task in the same transaction.
    """
    if PagesRead.kept(version.meta, PARTIAL) is None or document.active_version_id != version.id:
        return
    counted = await statistics_of(session, version.id)
    await LexicalRepository(session).add(
        document.organization_id, counted.term_chunks, chunks=counted.chunks, terms=counted.terms, sign=-1
    )
    mine = DocumentChunk.version_id == version.id
    await session.execute(update(DocumentChunk).where(mine, ~DocumentChunk.is_deleted).values(is_deleted=True))
    await session.execute(delete(VersionPeriod).where(VersionPeriod.version_id == version.id))
    await _leave_all(session, version.id)
    document.active_version_id = version.term_counts = version.chunk_count = None
    version.valid_from = None
    version.meta = {key: value for key, value in version.meta.items() if key != PARTIAL}


async def _leave_all(session: AsyncSession, version_id: UUID) -> None:
    indexes = IndexRepository(session)
    members = await indexes.members({version_id})
    await indexes.leave(version_id, members.get(version_id, frozenset()))
