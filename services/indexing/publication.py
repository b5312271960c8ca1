"""How does a version become the one that answers?

Chunks, statistics, the switch and the end of the task are one transaction that carries the lease's token: a reader sees
all of the old version or all of the new one, and a worker that lost its task changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from core.crash_points import crash_point
from core.states import DocumentStatus, IngestionStage, TaskStatus
from core.types import ChunkDraft, JsonValue, ParsedDocument, ParsedPage
from db.models import Document, DocumentVersion, Organization
from db.repositories.documents import PARTIAL
from db.repositories.indexes import IndexRepository
from db.repositories.lexical import LexicalRepository
from db.repositories.versions import VersionRepository
from db.unit_of_work import Database
from services.blobs import BlobStore
from services.indexing import word_boxes
from services.search_index.chunks import replace_chunks, statistics_of
from services.search_index.indexes import Index, Indexes
from services.search_index.term_statistics import NOTHING, Statistics, TermCounts
from services.tasks.leases import Lease, LeaseKeeper
from services.tasks.progress import PagesRead, TaskProgress
from services.uploads import near_duplicates
from services.uploads.activation import activate, is_overtaken
from services.uploads.attachments import EmbeddedFiles, lock_for_parts, place
from services.uploads.coverage import COVERAGE, coverage_of
from services.uploads.receipts import ORDERS, WARNINGS

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ParsedVersion:
    """A version that was read, ready to be written.

    Attributes:
        model: Embedding model its vectors come from.
        rules: By which it was cut.
        signature: By which texts that are much alike are found; None for a short one.
        parts: Files in it that become documents of their own.
        orders: Sentences in it that give orders to whoever reads it for others.
    """

    document_id: UUID
    version_id: UUID
    parsed: ParsedDocument
    drafts: Sequence[ChunkDraft]
    counted: Sequence[TermCounts]
    ids: Sequence[UUID]
    model: str
    rules: str
    signature: bytes | None
    parts: EmbeddedFiles
    orders: Sequence[JsonValue] = ()

    @property
    def labels(self) -> dict[int, str]:
        """Names of pages by their number."""
        return {page.number: page.label for page in self.parsed.pages}

    def pages_of(self, count: int) -> PagesRead:
        """How many pages the first ``count`` chunks tell all of."""
        pages = self.parsed.pages
        if count >= len(self.drafts):
            return PagesRead(len(pages), len(pages))
        return PagesRead(sum(page.number < self.drafts[count].page for page in pages), len(pages))


class VersionPublisher:
    """Publisher of parsed versions: writes one and activates it."""

    def __init__(self, database: Database, leases: LeaseKeeper, indexes: Indexes, blobs: BlobStore) -> None:
        self._database = database
        self._leases = leases
        self._indexes = indexes
        self._blobs = blobs

    async def publish(self, progress: TaskProgress, reading: ParsedVersion, reached: Sequence[Index]) -> Sequence[UUID]:
        """Do it. Returns the chunks of the version that are no more, whose vectors can go.

        Args:
            reached: Indexes that have all its vectors.

        Raises:
            LeaseLostError: Somebody else has the task; nothing was written.
        """
        crash_point("switch.begin")
        lease = progress.lease
        async with self._database.transaction(lease.organization_id) as session:
            # Before the task and the document, as whoever deletes locks them.
            organization = await lock_for_parts(session, reading.document_id, reading.parts)
            await self._leases.write(
                lease,
                session,
                status=TaskStatus.COMPLETED,
                stage=IngestionStage.READY,
                progress=100,
                completed_at=datetime.now(UTC),
                lease_until=None,
                meta=progress.finished(),
            )
            stale = await self._write(session, lease, reading, organization)
            repository = IndexRepository(session)
            await repository.leave(reading.version_id, {index.id for index in self._indexes.written})
            await repository.join(lease.organization_id, reading.version_id, {index.id for index in reached})
            crash_point("switch.written")
        crash_point("switch.committed")
        return stale

    async def _write(
        self, session: AsyncSession, lease: Lease, reading: ParsedVersion, organization: Organization | None
    ) -> Sequence[UUID]:
        document = await session.get_one(Document, reading.document_id, with_for_update=True)
        overtaken = await is_overtaken(session, lease.task_id, document)
        # Read before it is overwritten: the version may be the one that answers.
        former = NOTHING if overtaken else await statistics_of(session, document.active_version_id)
        stale = await replace_chunks(
            session,
            lease.organization_id,
            (reading.document_id, reading.version_id),
            reading.drafts,
            reading.ids,
            reading.labels,
        )
        counts = Statistics.of(reading.counted)
        version = await _note(session, reading, counts)
        if overtaken:
            log.info("version_overtaken", document_id=str(document.id), version_id=str(version.id))
            document.status = DocumentStatus.READY
            return stale
        change = counts.minus(former)
        await LexicalRepository(session).add(
            lease.organization_id, change.term_chunks, chunks=change.chunks, terms=change.terms
        )
        await activate(session, document, version)
        document.indexed_at = datetime.now(UTC)
        if organization is not None:
            await place(session, self._blobs, organization, document, reading.parts)
        version.meta = {**version.meta, WARNINGS: [*reading.parsed.warnings, *reading.parts.warnings()]}
        return stale


async def _note(session: AsyncSession, reading: ParsedVersion, counts: Statistics) -> DocumentVersion:
    """What is known of a version once it was read."""
    version = await session.get_one(DocumentVersion, reading.version_id)
    version.page_count = len(reading.parsed.pages)
    version.chunk_count = len(reading.drafts)
    version.paged = reading.parsed.paged
    version.pages = stored_pages(reading.parsed)
    version.embedding_model = reading.model
    version.chunking = reading.rules
    version.signature, version.term_counts = reading.signature, counts.packed()
    version.failure_code = version.error_message = None
    version.meta = {
        **{key: value for key, value in version.meta.items() if key != PARTIAL},
        WARNINGS: list(reading.parsed.warnings),
        COVERAGE: coverage_of(reading.parsed),
        ORDERS: list(reading.orders),
    }
    bands = near_duplicates.bands(reading.signature) if reading.signature else []
    await VersionRepository(session).replace_bands(version, bands)
    return version


def stored_pages(parsed: ParsedDocument) -> list[JsonValue]:
    """What a version keeps of its pages, for citations to open."""
    return [_kept(page) for page in parsed.pages]


def _kept(page: ParsedPage) -> dict[str, JsonValue]:
    kept: dict[str, JsonValue] = {"number": page.number, "label": page.label, "text": page.text}
    return {**kept, "words": word_boxes.stored(page.words)} if page.words else kept
