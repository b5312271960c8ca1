"""How does a stored file become something that can be found?

parsing → chunking → embedding → indexing → verifying → ready. Every step can be repeated: chunk ids follow from version
and place, vectors replace themselves, and what makes a version the active one is a single transaction.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from config.models import Settings
from config.product import IngestionSettings
from core.crash_points import crash_point
from core.errors import ConflictError, DocumentError, KnowledgeFoundryError
from core.states import DocumentStatus, IngestionStage, TaskStatus, TaskType
from core.telemetry import METRICS, job
from core.text import language, orders
from core.types import ChunkDraft, EmbeddedFile, JsonValue, ParsedDocument, VectorPayload
from db.models import Document, DocumentVersion, Task
from db.unit_of_work import Database
from plugins.interfaces import EmbeddingProvider
from services.blobs import BlobStore
from services.indexing.chunking import chunk_document
from services.indexing.embedding import LAST_PERCENT, Indexed, VersionVectors
from services.indexing.partial_publication import PartialAnswers, take_back
from services.indexing.publication import ParsedVersion, VersionPublisher
from services.indexing.reindexing import StoredVectorReindexer
from services.models.embedding_batcher import SharedEmbedding
from services.search_index.chunks import chunk_ids, indexed_text
from services.search_index.indexes import Indexes
from services.search_index.term_statistics import LexicalIndex, TermCounts, count_terms
from services.search_index.vectors import remove_vectors
from services.tasks.leases import Lease, LeaseKeeper, LeaseLostError
from services.tasks.progress import TaskProgress
from services.uploads import near_duplicates
from services.uploads.attachments import EmbeddedFileStore

log = structlog.get_logger(__name__)

Ended = Callable[[UUID, UUID], None]
"""Is told organisation and task once an ingestion ended, well or not; must neither wait nor fail."""
Take = Callable[[Sequence[EmbeddedFile]], Awaitable[None]]
"""Is given the files inside a file while they can be read."""
Parse = Callable[[Path, str, Take], Awaitable[ParsedDocument]]
"""Reads a file of a MIME type in a limited child process."""

MAX_ATTEMPTS, TIMEOUT_S = 3, 7200
COMPLETED, FAILED, INTERRUPTED, LOST = "completed", "failed", "interrupted", "lost"
"""How an attempt at a task ends: well, for good, to be tried again, or in the hands of another worker."""
_DOCUMENT_IS = {COMPLETED: "ready", FAILED: "failed"}
CONTEXT_RESERVE_TOKENS = 40
LANGUAGE_SAMPLE, LANGUAGE_PAGES = 700, 3
"""Characters of a page, and pages, from which the language of a document is told."""


@dataclass(frozen=True, slots=True)
class ChunkingRules:
    """Sizes in tokens of the embedding model.

    Attributes:
        whole_tokens: Up to it a table, code or row stays whole beyond ``chunk_size``.
    """

    chunk_size: int
    overlap: int
    min_tokens: int
    whole_tokens: int = 0

    def within(self, window: int) -> ChunkingRules:
        """The same, for a model that reads so many tokens of a chunk."""
        return replace(self, chunk_size=min(self.chunk_size, window), whole_tokens=min(self.whole_tokens, window))

    def __str__(self) -> str:
        """As it is noted beside what was cut by them."""
        # Where the window caps both, nothing stays whole beyond, and what was cut before there was this rule stands.
        whole = f"/{self.whole_tokens}" if self.whole_tokens > self.chunk_size else ""
        return f"{self.chunk_size}/{self.overlap}/{self.min_tokens}{whole}"


def rules_for(settings: Settings, embedding: EmbeddingProvider) -> ChunkingRules:
    """The rules of the settings as they apply to an embedding model."""
    cut = settings.ingestion
    rules = ChunkingRules(cut.chunk_size, cut.chunk_overlap, cut.min_chunk_size, cut.max_chunk_size)
    return rules.within(embedding.max_tokens - CONTEXT_RESERVE_TOKENS)


@dataclass(frozen=True, slots=True)
class _Work:
    """What is being read.

    Attributes:
        meta: What an attempt before this one noted.
        is_read: It answers as it is, and only has to get into other indexes.
    """

    document_id: UUID
    collection_id: UUID
    version_id: UUID
    filename: str
    mime_type: str
    file_path: str
    meta: Mapping[str, JsonValue]
    is_read: bool


class IngestionPipeline:
    """Way of one task from file to findable version; several may run side by side."""

    def __init__(
        self,
        *,
        database: Database,
        blobs: BlobStore,
        leases: LeaseKeeper,
        parse: Parse,
        embedding: EmbeddingProvider,
        indexes: Indexes,
        lexical: LexicalIndex,
        rules: ChunkingRules,
        settings: IngestionSettings | None = None,
        ended: Ended = lambda _organization, _task: None,
        max_attempts: int = MAX_ATTEMPTS,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """``max_attempts`` count kills; what takes longer than ``timeout_s`` is given up."""
        self._database = database
        self._blobs = blobs
        self._leases = leases
        self._parse = parse
        self._embedding = embedding
        self._shared = SharedEmbedding(embedding)
        self._indexes = indexes
        self._lexical = lexical
        self._rules = rules
        self._settings = settings or IngestionSettings()
        self._reindexer = StoredVectorReindexer(database, leases, indexes, lexical)
        self._publisher = VersionPublisher(database, leases, indexes, blobs)
        self._ended = ended
        self._max_attempts, self._timeout_s = max_attempts, timeout_s

    async def take(self, organization_id: UUID, task_id: UUID) -> Lease | None:
        """The task, to be carried out; None when it is done or somebody else does it."""
        return await self._leases.take(organization_id, task_id)

    async def carry_out(self, lease: Lease) -> None:
        """Do a task that was taken; afterwards its row says the truth."""
        with job(lease.task_type) as counted:
            counted.status = ended = await self._carried_out(lease)
        if lease.task_type == TaskType.INGEST and ended in _DOCUMENT_IS:
            METRICS.ingestion_documents.labels(_DOCUMENT_IS[ended]).inc()

    async def _carried_out(self, lease: Lease) -> str:
        """Do it. Returns how it ended: see ``jobs_total``."""
        organization_id, task_id = lease.organization_id, lease.task_id
        started = time.perf_counter()
        try:
            async with self._leases.kept(lease):
                await self._in_time(lease)
        except LeaseLostError:
            log.info("lease_lost", task_id=str(task_id), attempt=lease.token)
            return LOST
        except DocumentError as error:
            return await self._fail(lease, error.failure_code, error.message, error.next_step)
        except KnowledgeFoundryError as error:
            return await self._retry_or_fail(lease, error)
        except Exception:
            incident = secrets.token_hex(4)
            log.exception("ingestion_failed", task_id=str(task_id), incident=incident)
            return await self._fail(
                lease,
                "internal",
                f"Something went wrong on our side (incident {incident}).",
                "Try again; if it stays, tell the operator the incident number.",
            )
        else:
            log.info("document_ready", task_id=str(task_id), seconds=round(time.perf_counter() - started, 3))
            self._ended(organization_id, task_id)
            return COMPLETED

    async def _in_time(self, lease: Lease) -> None:
        try:
            async with asyncio.timeout(self._timeout_s) as limit:
                await self._attempt(lease)
        except TimeoutError:
            if not limit.expired():
                raise
            raise DocumentError(
                f"Reading this file took longer than {self._timeout_s:g} s; it was given up.",
                failure_code="job_timeout",
                next_step="Split it into smaller files, or ask the operator to raise queue.job_timeout_s.",
            ) from None

    async def _attempt(self, lease: Lease) -> None:
        if lease.token > self._max_attempts:
            raise DocumentError(
                f"Reading this file brought the worker down {self._max_attempts} times; it was set aside.",
                failure_code="poison",
                next_step="Check the file, or tell the operator.",
            )
        work = await self._begin(lease)
        progress = TaskProgress(self._leases, lease, work.meta)
        payload = VectorPayload(lease.organization_id, work.collection_id, work.document_id, work.version_id)
        if work.is_read and await self._reindexer.reindex(progress, payload):
            return
        crash_point("parse.begin")
        keeper = EmbeddedFileStore(self._blobs, lease.organization_id, work.filename, self._settings)
        parsed = await self._read(work, keeper.take)
        crash_point("parse.done")
        await progress.enter(IngestionStage.CHUNKING, 30)
        # Off the loop: hundreds of pages take seconds, and the heartbeat must go on.
        drafts, counted = await asyncio.to_thread(self._cut, work, parsed)
        signature = await asyncio.to_thread(near_duplicates.signature, parsed)
        commanding = await asyncio.to_thread(_orders_in, parsed)
        reading = ParsedVersion(
            work.document_id,
            work.version_id,
            parsed,
            drafts,
            counted,
            chunk_ids(work.version_id, drafts),
            self._embedding.model_name,
            str(self._rules),
            signature,
            keeper.parts,
            commanding,
        )
        chunks = Indexed(
            payload,
            reading.ids,
            [indexed_text(draft.context, draft.content) for draft in drafts],
            await self._lexical.weigh_chunks(lease.organization_id, counted),
            reading.pages_of,
        )
        vectors = VersionVectors(self._database, self._indexes, self._shared, self._embedding.model_name, progress)
        partial = PartialAnswers(self._database, self._leases, progress, reading)
        reached = await vectors.store(chunks, partial.publish if self._settings.partial_answers else None)
        await progress.enter(IngestionStage.VERIFYING, LAST_PERCENT)
        try:
            await vectors.probe(chunks)
        except ConflictError:
            # The store lost what an attempt before this one wrote.
            await progress.start_over()
            raise
        stale = await self._publisher.publish(progress, reading, reached)
        progress.count_seconds()
        await remove_vectors(reached, stale, lease.organization_id)
        crash_point("cleanup.done")

    # -- steps

    async def _begin(self, lease: Lease) -> _Work:
        async with self._database.transaction(lease.organization_id) as session:
            await self._leases.write(lease, session, stage=IngestionStage.PARSING, progress=5)
            statement = (
                select(Document, DocumentVersion, Task)
                .join(DocumentVersion, DocumentVersion.document_id == Document.id)
                .join(Task, Task.version_id == DocumentVersion.id)
                .where(Task.id == lease.task_id, ~Document.is_deleted)
            )
            row = (await session.execute(statement)).first()
            if row is None:
                raise DocumentError(
                    "The document was deleted.", failure_code="deleted", next_step="Upload it again if you need it."
                )
            document, version, task = row
            document.status = DocumentStatus.INDEXING
            return _Work(
                document.id,
                document.collection_id,
                version.id,
                version.filename,
                version.mime_type,
                version.file_path,
                task.meta,
                is_read=task.task_type is TaskType.MOVE
                and document.active_version_id == version.id
                and version.chunking == str(self._rules),
            )

    async def _read(self, work: _Work, take: Take) -> ParsedDocument:
        path = self._blobs.resolve(work.file_path)
        try:
            return await self._parse(path, work.mime_type, take)
        except DocumentError as error:
            if error.failure_code != "parser_crashed":
                raise
        # Perhaps it was ended for the sake of others, when memory was short; a file that does it again is to blame.
        return await self._parse(path, work.mime_type, take)

    def _cut(self, work: _Work, parsed: ParsedDocument) -> tuple[Sequence[ChunkDraft], Sequence[TermCounts]]:
        """Chunks and their terms."""
        whole = language.detect("\n".join(page.text[:LANGUAGE_SAMPLE] for page in parsed.pages[:LANGUAGE_PAGES]))
        drafts = chunk_document(
            parsed,
            token_spans=self._embedding.token_spans,
            max_tokens=self._rules.chunk_size,
            whole_tokens=self._rules.whole_tokens,
            overlap=self._rules.overlap,
            min_tokens=self._rules.min_tokens,
            title=Path(work.filename).stem,
            language_of=lambda text: language.detect_within(text, whole),
        )
        if not drafts:
            raise DocumentError(
                "No text was found in the file.",
                failure_code="no_text",
                next_step="If it is a scan, run text recognition over it first.",
            )
        return drafts, [count_terms(indexed_text(draft.context, draft.content), draft.language) for draft in drafts]

    # -- when it does not work

    async def _retry_or_fail(self, lease: Lease, error: KnowledgeFoundryError) -> str:
        log.warning("ingestion_interrupted", task_id=str(lease.task_id), reason=error.code, attempt=lease.token)
        if lease.token >= self._max_attempts:
            return await self._fail(lease, error.code, error.message, error.next_step or "Try again later.")
        try:
            # The lease runs out at once; the sweep enqueues it again.
            await self._leases.write(lease, lease_until=func.now())
        except KnowledgeFoundryError:
            log.warning("lease_left_to_expire", task_id=str(lease.task_id))
        return INTERRUPTED

    async def _fail(self, lease: Lease, code: str, message: str, next_step: str) -> str:
        log.info("document_failed", task_id=str(lease.task_id), failure_code=code)
        try:
            async with self._database.transaction(lease.organization_id) as session:
                await self._leases.write(
                    lease,
                    session,
                    status=TaskStatus.FAILED,
                    stage=IngestionStage.FAILED,
                    failure_code=code,
                    error_message=message,
                    next_step=next_step,
                    completed_at=func.now(),
                    lease_until=None,
                )
                task = await session.get_one(Task, lease.task_id)
                await _mark_document(session, task, code, message)
        except LeaseLostError:
            log.info("lease_lost", task_id=str(lease.task_id), attempt=lease.token)
            return LOST
        self._ended(lease.organization_id, lease.task_id)
        return FAILED


def _orders_in(parsed: ParsedDocument) -> Sequence[JsonValue]:
    """Sentences that give orders to whoever reads the document for others, the plainest ones."""
    return orders.kept(found for page in parsed.pages for found in orders.find(page.text))


async def _mark_document(session: AsyncSession, task: Task, code: str, message: str) -> None:
    """A failed first version fails the document; a failed later one leaves it answering, with a warning."""
    version = await session.get(DocumentVersion, task.version_id)
    document = await session.get(Document, task.document_id, with_for_update=True)
    if version is None or document is None:
        return
    await take_back(session, document, version)
    version.failure_code, version.error_message = code, message
    document.not_read(message)
