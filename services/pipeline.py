"""How does a stored file become something that can be found?

parsing → chunking → embedding → indexing → verifying → ready. Every step can be repeated: chunk ids follow from version
and position, vectors replace themselves, and chunks, statistics and the switch to the new version are one transaction
that carries the lease's token.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from config.models import Settings
from core.errors import DocumentError, KnowledgeFoundryError
from core.text import language
from core.types import ChunkDraft, JsonValue, ParsedDocument, ParsedPage, Vector, VectorPayload
from db.models import Document, DocumentVersion, Task
from db.repositories.indexes import IndexRepository
from db.repositories.lexical import LexicalRepository
from db.repositories.versions import VersionRepository
from db.unit_of_work import Database
from plugins.interfaces import EmbeddingProvider
from services import near_duplicates, word_places
from services.blobs import BlobStore
from services.chunk_rows import chunk_ids, replace_chunks, statistics_of
from services.chunking import chunk_document
from services.indexes import Index, Indexes
from services.leases import Lease, LeaseKeeper, LeaseLostError
from services.lexical import NOTHING, LexicalIndex, Statistics, TermCounts, count_terms
from services.receipts import WARNINGS
from services.switching import hand_over, is_overtaken
from services.vector_writing import probe, remove_vectors, store_vectors
from services.views import IngestionStage

log = structlog.get_logger(__name__)

Ended = Callable[[UUID, UUID], None]
"""Is told organisation and task once an ingestion ended, well or not; must neither wait nor fail."""
Parse = Callable[[Path, str], Awaitable[ParsedDocument]]
"""Reads a file of a MIME type in a limited child process."""

MAX_ATTEMPTS = 3
BATCH = 64
TELL_S = 0.5
"""Between two notes of progress in a task's row, at least."""
CONTEXT_RESERVE_TOKENS = 40
LANGUAGE_SAMPLE, LANGUAGE_PAGES = 700, 3
"""Characters of a page, and pages, from which the language of a document is told."""


@dataclass(frozen=True, slots=True)
class ChunkingRules:
    """Sizes in tokens of the embedding model."""

    chunk_size: int
    overlap: int
    min_tokens: int

    def within(self, window: int) -> ChunkingRules:
        """The same, for a model that reads so many tokens of a chunk."""
        return replace(self, chunk_size=min(self.chunk_size, window))

    def __str__(self) -> str:
        """As it is noted beside what was cut by them."""
        return f"{self.chunk_size}/{self.overlap}/{self.min_tokens}"


def rules_for(settings: Settings, embedding: EmbeddingProvider) -> ChunkingRules:
    """The rules of the settings as they apply to an embedding model."""
    cut = settings.ingestion
    rules = ChunkingRules(cut.chunk_size, cut.chunk_overlap, cut.min_chunk_size)
    return rules.within(embedding.max_tokens - CONTEXT_RESERVE_TOKENS)


@dataclass(frozen=True, slots=True)
class _Work:
    """What is being read."""

    document_id: UUID
    collection_id: UUID
    version_id: UUID
    filename: str
    mime_type: str
    file_path: str


@dataclass(frozen=True, slots=True)
class _Reading:
    """A version, ready to be written."""

    parsed: ParsedDocument
    drafts: Sequence[ChunkDraft]
    counted: Sequence[TermCounts]
    ids: Sequence[UUID]
    signature: bytes | None


class IngestionPipeline:
    """Does one task at a time; several may run side by side."""

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
        ended: Ended = lambda _organization, _task: None,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._leases = leases
        self._parse = parse
        self._embedding = embedding
        self._indexes = indexes
        self._lexical = lexical
        self._rules = rules
        self._ended = ended
        self._told: dict[UUID, float] = {}

    async def run(self, organization_id: UUID, task_id: UUID) -> None:
        """Do the task unless it is done or somebody else does it; afterwards its row says the truth."""
        lease = await self._leases.take(organization_id, task_id)
        if lease is None:
            return
        started = time.perf_counter()
        self._told[task_id] = time.monotonic()
        try:
            async with self._leases.kept(lease):
                await self._attempt(lease)
        except LeaseLostError:
            log.info("lease_lost", task_id=str(task_id), attempt=lease.token)
        except DocumentError as error:
            await self._fail(lease, error.failure_code, error.message, error.next_step)
        except KnowledgeFoundryError as error:
            await self._retry_or_fail(lease, error)
        except Exception:
            incident = secrets.token_hex(4)
            log.exception("ingestion_failed", task_id=str(task_id), incident=incident)
            await self._fail(
                lease,
                "internal",
                f"Something went wrong on our side (incident {incident}).",
                "Try again; if it stays, tell the operator the incident number.",
            )
        else:
            log.info("document_ready", task_id=str(task_id), seconds=round(time.perf_counter() - started, 3))
            self._ended(organization_id, task_id)
        finally:
            self._told.pop(task_id, None)

    async def _attempt(self, lease: Lease) -> None:
        if lease.token > MAX_ATTEMPTS:
            raise DocumentError(
                f"Reading this file brought the worker down {MAX_ATTEMPTS} times; it was set aside.",
                failure_code="poison",
                next_step="Check the file, or tell the operator.",
            )
        work = await self._begin(lease)
        parsed = await self._parse(self._blobs.resolve(work.file_path), work.mime_type)
        await self._stage(lease, IngestionStage.CHUNKING, 30)
        drafts = self._chunk(work, parsed)
        counted = [count_terms(indexed_text(draft), draft.language) for draft in drafts]
        sparse = await self._lexical.weigh_chunks(lease.organization_id, counted)
        ids = chunk_ids(work.version_id, drafts)
        vectors = await self._embed(lease, drafts)
        await self._stage(lease, IngestionStage.INDEXING, 85)
        payload = VectorPayload(lease.organization_id, work.collection_id, work.document_id, work.version_id)
        reached = await store_vectors(self._indexes, payload, ids, vectors, sparse)
        await self._stage(lease, IngestionStage.VERIFYING, 95)
        await probe(self._indexes.primary, payload, ids, vectors)
        signature = await asyncio.to_thread(near_duplicates.signature, parsed)
        stale = await self._switch(lease, work, _Reading(parsed, drafts, counted, ids, signature), reached)
        await remove_vectors(reached, stale, lease.organization_id)

    # -- steps

    async def _begin(self, lease: Lease) -> _Work:
        async with self._database.transaction(lease.organization_id) as session:
            await self._leases.write(lease, session, stage=IngestionStage.PARSING.value, progress=5)
            statement = (
                select(Document, DocumentVersion)
                .join(DocumentVersion, DocumentVersion.document_id == Document.id)
                .join(Task, Task.version_id == DocumentVersion.id)
                .where(Task.id == lease.task_id, ~Document.is_deleted)
            )
            row = (await session.execute(statement)).first()
            if row is None:
                raise DocumentError(
                    "The document was deleted.", failure_code="deleted", next_step="Upload it again if you need it."
                )
            document, version = row
            document.status = "indexing"
            return _Work(
                document.id,
                document.collection_id,
                version.id,
                version.filename,
                version.mime_type,
                version.file_path,
            )

    async def _stage(self, lease: Lease, stage: IngestionStage, progress: int) -> None:
        """Tell how far it is, but not more often than anybody looks: a short text is ready before."""
        if (now := time.monotonic()) - self._told.get(lease.task_id, 0.0) < TELL_S:
            return
        await self._leases.write(lease, stage=stage.value, progress=progress)
        self._told[lease.task_id] = now

    def _chunk(self, work: _Work, parsed: ParsedDocument) -> list[ChunkDraft]:
        whole = language.detect("\n".join(page.text[:LANGUAGE_SAMPLE] for page in parsed.pages[:LANGUAGE_PAGES]))
        drafts = chunk_document(
            parsed,
            token_spans=self._embedding.token_spans,
            max_tokens=self._rules.chunk_size,
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
        return drafts

    async def _embed(self, lease: Lease, drafts: Sequence[ChunkDraft]) -> Vector:
        await self._stage(lease, IngestionStage.EMBEDDING, 35)
        parts = []
        for start in range(0, len(drafts), BATCH):
            texts = [indexed_text(draft) for draft in drafts[start : start + BATCH]]
            parts.append(await self._embedding.embed_batch(texts))
            if start + BATCH < len(drafts):
                await self._stage(lease, IngestionStage.EMBEDDING, 35 + 50 * (start + BATCH) // len(drafts))
        return np.concatenate(parts)

    async def _switch(self, lease: Lease, work: _Work, reading: _Reading, reached: Sequence[Index]) -> Sequence[UUID]:
        """Write chunks and make the version the active one, in one transaction. Returns vectors to remove.

        One that was overtaken meanwhile is kept and does not answer.
        """
        async with self._database.transaction(lease.organization_id) as session:
            now = datetime.now(UTC)
            await self._leases.write(
                lease,
                session,
                status="completed",
                stage=IngestionStage.READY.value,
                progress=100,
                completed_at=now,
                lease_until=None,
            )
            document = await session.get_one(Document, work.document_id, with_for_update=True)
            overtaken = await is_overtaken(session, lease.task_id, document)
            # Read before it is overwritten: the version may be the one that answers.
            former = NOTHING if overtaken else await statistics_of(session, document.active_version_id)
            stale = await replace_chunks(
                session,
                lease.organization_id,
                (work.document_id, work.version_id),
                reading.drafts,
                reading.ids,
                {page.number: page.label for page in reading.parsed.pages},
            )
            counts = Statistics.of(reading.counted)
            version = await self._note(session, work, reading, counts)
            if overtaken:
                log.info("version_overtaken", document_id=str(document.id), version_id=str(version.id))
                document.status = "ready"
            else:
                change = counts.minus(former)
                await LexicalRepository(session).add(
                    lease.organization_id, change.term_chunks, chunks=change.chunks, terms=change.terms
                )
                await hand_over(session, document, version)
                document.indexed_at = now
            repository = IndexRepository(session)
            await repository.leave(work.version_id, {index.id for index in self._indexes.written})
            await repository.join(lease.organization_id, work.version_id, {index.id for index in reached})
            return stale

    async def _note(self, session: AsyncSession, work: _Work, reading: _Reading, counts: Statistics) -> DocumentVersion:
        """What is known of a version once it was read."""
        version = await session.get_one(DocumentVersion, work.version_id)
        version.page_count = len(reading.parsed.pages)
        version.chunk_count = len(reading.drafts)
        version.paged = reading.parsed.paged
        version.pages = [_kept(page) for page in reading.parsed.pages]
        version.embedding_model = self._embedding.model_name
        version.chunking = str(self._rules)
        version.signature, version.term_counts = reading.signature, counts.packed()
        version.failure_code = version.error_message = None
        version.meta = {**version.meta, WARNINGS: list(reading.parsed.warnings)}
        bands = near_duplicates.bands(reading.signature) if reading.signature else []
        await VersionRepository(session).replace_bands(version, bands)
        return version

    # -- when it does not work

    async def _retry_or_fail(self, lease: Lease, error: KnowledgeFoundryError) -> None:
        log.warning("ingestion_interrupted", task_id=str(lease.task_id), reason=error.code, attempt=lease.token)
        if lease.token >= MAX_ATTEMPTS:
            await self._fail(lease, error.code, error.message, error.next_step or "Try again later.")
            return
        try:
            # The lease runs out at once; the sweep rings again.
            await self._leases.write(lease, lease_until=func.now())
        except KnowledgeFoundryError:
            log.warning("lease_left_to_expire", task_id=str(lease.task_id))

    async def _fail(self, lease: Lease, code: str, message: str, next_step: str) -> None:
        log.info("document_failed", task_id=str(lease.task_id), failure_code=code)
        try:
            async with self._database.transaction(lease.organization_id) as session:
                await self._leases.write(
                    lease,
                    session,
                    status="failed",
                    stage=IngestionStage.FAILED.value,
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
        else:
            self._ended(lease.organization_id, lease.task_id)


def indexed_text(draft: ChunkDraft) -> str:
    """What is embedded and counted: the chunk under its title and headings."""
    return f"{draft.context}\n{draft.content}" if draft.context else draft.content


def _kept(page: ParsedPage) -> dict[str, JsonValue]:
    kept: dict[str, JsonValue] = {"number": page.number, "label": page.label, "text": page.text}
    return {**kept, "words": word_places.stored(page.words)} if page.words else kept


async def _mark_document(session: AsyncSession, task: Task, code: str, message: str) -> None:
    """A failed first version fails the document; a failed later one leaves it answering, with a warning."""
    version = await session.get(DocumentVersion, task.version_id)
    document = await session.get(Document, task.document_id, with_for_update=True)
    if version is None or document is None:
        return
    version.failure_code, version.error_message = code, message
    if document.active_version_id is None:
        document.status, document.error_message = "failed", message
    else:
        document.status = "ready"
