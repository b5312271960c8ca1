"""How does a file come in?

The answer to an upload is a receipt. Before it is given, bytes, row, task and outbox entry are safe; from then on a
worker or the sweep will finish the task, whatever dies in between.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from uuid import UUID

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.crash_points import crash_point
from core.errors import (
    ConflictError,
    NotFoundError,
    ProviderUnavailableError,
    QuotaError,
    RateLimitError,
    ValidationError,
)
from core.identity import Principal, Role, Scope
from core.security import content_type
from db.models import Collection, Document, DocumentVersion, Organization, OutboxEntry, Task
from db.repositories.documents import DocumentRepository
from db.repositories.versions import VersionRepository
from db.unit_of_work import Database
from services.audit import ClientInfo, record
from services.blobs import BlobStore, StoredBlob
from services.cancelling import cancel_task
from services.job_queue import JobQueue
from services.near_duplicates import similar_to
from services.receipts import receipt_of
from services.switching import TASK_INGEST
from services.views import Receipt, SimilarView

log = structlog.get_logger(__name__)


QUEUE_FULL_S = 60.0
MAX_FILENAME = 255
DEFAULT_COLLECTION = "General"
"""Where documents go when nobody says otherwise; open to the organisation."""


@dataclass(frozen=True, slots=True)
class _Upload:
    filename: str
    mime_type: str
    blob: StoredBlob
    document_id: UUID | None
    """The document it is for, when a person chose one."""


class IngestionService:
    """Uploads, receipts and repeats."""

    def __init__(
        self, database: Database, blobs: BlobStore, queue: JobQueue, *, max_file_bytes: int, max_queued: int
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._queue = queue
        self._max_file_bytes = max_file_bytes
        self._max_queued = max_queued

    async def upload(
        self,
        principal: Principal,
        *,
        filename: str,
        chunks: AsyncIterator[bytes],
        collection_id: UUID | None = None,
        document_id: UUID | None = None,
        client: ClientInfo,
    ) -> Receipt:
        """Take a file in; a known name becomes a new version, known content is reported and not stored twice.

        Args:
            document_id: The document it is a new version of, whatever the file is called.

        Raises:
            DocumentError: Empty, too large, of a type nobody reads; nothing is kept.
            QuotaError: The organisation has as many documents as it may.
            RateLimitError: Too many of its documents wait to be read.
            NotFoundError: There is no such collection or document.
            ValidationError: The document lies in another collection.
        """
        principal.require(Role.EDITOR, Scope.WRITE)
        name = clean_filename(filename)
        await self._require_place(principal)
        blob = await self._blobs.write(principal.organization_id, chunks, limit_bytes=self._max_file_bytes)
        try:
            mime_type = await asyncio.to_thread(content_type.detect, self._blobs.resolve(blob.path), name)
            upload = _Upload(name, mime_type, blob, document_id)
            receipt = await self._admit(principal, collection_id, upload, client)
        except Exception:
            await self._forget_if_unused(principal.organization_id, blob)
            raise
        if not receipt.unchanged:
            await self._ring(principal.organization_id, receipt.task_id)
        log.info("upload_received", document_id=str(receipt.document_id), size_bytes=blob.size_bytes, mime=mime_type)
        return receipt

    async def reindex(
        self, principal: Principal, document_id: UUID, *, number: int | None = None, client: ClientInfo
    ) -> Receipt:
        """Read a version again, after which it answers; until then the old index does.

        Args:
            number: Which one; without it the one that answers, or the newest if that could never be read.

        Raises:
            NotFoundError: No such document or version.
            ConflictError: The document is being read right now.
        """
        principal.require(Role.EDITOR, Scope.WRITE)
        async with self._database.transaction(principal.organization_id) as session:
            documents = DocumentRepository(session)
            document = await documents.get(document_id, principal=principal)
            version = await _to_read(session, document, number)
            latest = (await documents.latest_tasks([document_id])).get(document_id)
            if latest is not None and latest[0].status in ("queued", "running"):
                raise ConflictError("The document is being read right now.", next_step="Wait until it is done.")
            task = await _queue_task(session, principal, document, version)
            record(
                session,
                organization_id=principal.organization_id,
                user_id=principal.user_id,
                action="updated",
                resource_type="document",
                resource_id=document_id,
                client=client,
                after={"reindex": version.number},
            )
            receipt = receipt_of(task, version)
        await self._ring(principal.organization_id, receipt.task_id)
        return receipt

    async def receipt(self, principal: Principal, task_id: UUID) -> Receipt:
        """How far a task is, and which documents say the same.

        Raises:
            NotFoundError: Absent or not yours to see.
        """
        async with self._database.transaction(principal.organization_id) as session:
            documents = DocumentRepository(session)
            rows = await documents.list_tasks(principal, limit=1, task_id=task_id)
            if not rows:
                raise NotFoundError(f"There is no task {task_id} that you may see.")
            task, version = rows[0]
            places = await documents.queue_positions([task])
            similar = await _similar(session, principal, version)
            return receipt_of(task, version, queue_position=places.get(task_id), similar=similar)

    async def list_tasks(self, principal: Principal, *, limit: int = 50) -> tuple[Receipt, ...]:
        """The newest tasks of readable documents."""
        async with self._database.transaction(principal.organization_id) as session:
            rows = await DocumentRepository(session).list_tasks(principal, limit=limit)
            places = await DocumentRepository(session).queue_positions([row[0] for row in rows])
            return tuple(receipt_of(task, version, queue_position=places.get(task.id)) for task, version in rows)

    async def cancel(self, principal: Principal, task_id: UUID, *, client: ClientInfo) -> Receipt:
        """Stop reading a document, or do not begin; an older version of it goes on answering.

        Raises:
            NotFoundError: Absent or not yours to see.
            ConflictError: It has ended already.
        """
        principal.require(Role.EDITOR, Scope.WRITE)
        async with self._database.transaction(principal.organization_id) as session:
            return await cancel_task(session, principal, task_id, client=client)

    # -- steps of an upload

    async def _require_place(self, principal: Principal) -> None:
        """Before a byte is stored: what comes in faster than it is read is put off, not piled up."""
        waiting = select(Task.id).where(Task.status == "queued").limit(self._max_queued).subquery()
        async with self._database.transaction(principal.organization_id) as session:
            count = await session.scalar(select(func.count()).select_from(waiting)) or 0
        if count >= self._max_queued:
            raise RateLimitError(
                f"{count:,} documents of your organisation wait to be read; more are not taken before some are done.",
                next_step="Try again in a few minutes, or ask the operator for more workers or a larger "
                "ingestion.max_queued.",
                retry_after_s=QUEUE_FULL_S,
            )

    async def _admit(
        self, principal: Principal, collection_id: UUID | None, upload: _Upload, client: ClientInfo
    ) -> Receipt:
        crash_point("upload.insert")
        async with self._database.transaction(principal.organization_id) as session:
            documents = DocumentRepository(session)
            # The organisation's row is the queue in which uploads of one organisation pass quota and naming.
            organization = await session.get(Organization, principal.organization_id, with_for_update=True)
            if organization is None or organization.is_deleted:
                raise NotFoundError("The organisation was deleted.", next_step="Ask the operator.")
            if not self._blobs.has(upload.blob.path):
                # The same content was deleted between storing it and here; whoever deletes files holds this row too.
                raise ConflictError("The same file was deleted just now.", next_step="Upload it again.")
            document, collection = await _target(session, documents, principal, collection_id, upload)
            if document is None:
                if await documents.count(principal) >= organization.max_documents:
                    raise QuotaError(
                        f"{organization.name} may hold {organization.max_documents} documents, and does.",
                        next_step="Delete some, or ask the operator of this installation to raise max_documents.",
                    )
                document = _new_document(principal, collection, upload)
                session.add(document)
                await session.flush()
                number = 1
            else:
                known = await VersionRepository(session).with_content(document.id, upload.blob.sha256)
                if known is not None:
                    return await _known_content(session, principal, document, known, client)
                latest = await documents.latest_version(document.id)
                number = latest.number + 1 if latest else 1
            version = _new_version(principal, document, number, upload)
            session.add(version)
            await session.flush()
            task = await _queue_task(session, principal, document, version)
            record(
                session,
                organization_id=principal.organization_id,
                user_id=principal.user_id,
                action="created" if number == 1 else "updated",
                resource_type="document",
                resource_id=document.id,
                client=client,
                after={"version": number, "sha256": upload.blob.sha256},
            )
            await session.refresh(task)
            crash_point("upload.inserted")
            return receipt_of(task, version, similar=await _similar(session, principal, version))

    async def _ring(self, organization_id: UUID, task_id: UUID) -> None:
        crash_point("upload.committed")
        try:
            await self._queue.ring(organization_id, task_id)
            crash_point("upload.enqueued")
        except ProviderUnavailableError as error:
            log.warning("ring_postponed", task_id=str(task_id), reason=error.code)
            return
        async with self._database.transaction(organization_id) as session:
            await session.execute(delete(OutboxEntry).where(OutboxEntry.task_id == task_id))
        crash_point("upload.rung")

    async def _forget_if_unused(self, organization_id: UUID, blob: StoredBlob) -> None:
        async with self._database.transaction(organization_id) as session:
            await session.get(Organization, organization_id, with_for_update=True)
            if not await DocumentRepository(session).is_blob_used(blob.path):
                await self._blobs.delete(blob.path)


def clean_filename(filename: str) -> str:
    """The last part of the name, in NFC, without control characters.

    Raises:
        ValidationError: Nothing is left, or it is longer than 255 characters.
    """
    last = PurePosixPath(filename.replace("\\", "/")).name
    name = "".join(c for c in unicodedata.normalize("NFC", last) if unicodedata.category(c)[0] != "C").strip()
    if not name or name in {".", ".."}:
        raise ValidationError("The file has no name.", next_step="Give it one and upload it again.")
    if len(name) > MAX_FILENAME:
        raise ValidationError(f"The file name is longer than {MAX_FILENAME} characters.", next_step="Shorten it.")
    return name


async def _collection(
    session: AsyncSession, documents: DocumentRepository, principal: Principal, collection_id: UUID | None
) -> Collection:
    if collection_id is not None:
        return await documents.get_collection(collection_id, principal=principal)
    rows = await documents.list_collections(principal)
    general = next((row[0] for row in rows if row[0].name == DEFAULT_COLLECTION), None)
    if general is None:
        general = Collection(organization_id=principal.organization_id, name=DEFAULT_COLLECTION, is_open=True)
        session.add(general)
        await session.flush()
    return general


async def _to_read(session: AsyncSession, document: Document, number: int | None) -> DocumentVersion:
    if number is not None:
        return await VersionRepository(session).get(document.id, number)
    newest = await DocumentRepository(session).latest_version(document.id)
    if newest is None:
        raise NotFoundError("The document has no version to read.")
    if newest.valid_from is not None and document.active_version_id is not None:
        return await session.get_one(DocumentVersion, document.active_version_id)
    return newest


async def _target(
    session: AsyncSession,
    documents: DocumentRepository,
    principal: Principal,
    collection_id: UUID | None,
    upload: _Upload,
) -> tuple[Document | None, Collection]:
    """(the document an upload is a version of, locked, or None for a new one; its collection)."""
    if upload.document_id is None:
        collection = await _collection(session, documents, principal, collection_id)
        return await documents.find_by_name(collection.id, upload.filename), collection
    document = await documents.get(upload.document_id, principal=principal)
    if collection_id not in (None, document.collection_id):
        raise ValidationError(
            "The document lies in another collection.", next_step="Name the document alone, or the right collection."
        )
    await session.refresh(document, with_for_update=True)
    return document, await documents.get_collection(document.collection_id, principal=principal)


async def _known_content(
    session: AsyncSession, principal: Principal, document: Document, known: DocumentVersion, client: ClientInfo
) -> Receipt:
    """The receipt of a version that has this content: nothing to do, or it is to answer again and is read again."""
    documents = DocumentRepository(session)
    similar = await _similar(session, principal, known)
    newest = await documents.newest_ingestion(document.id)
    wanted = document.active_version_id
    if newest is not None and newest.status in ("queued", "running"):
        wanted = newest.version_id
    task = await documents.newest_task(known.id)
    if wanted == known.id and task is not None:
        return receipt_of(task, known, unchanged=True, similar=similar)
    task = await _queue_task(session, principal, document, known)
    record(
        session,
        organization_id=principal.organization_id,
        user_id=principal.user_id,
        action="updated",
        resource_type="document",
        resource_id=document.id,
        client=client,
        after={"version": known.number, "sha256": known.content_hash},
    )
    note = f"Version {known.number} has this content already; it is read again and answers afterwards."
    return receipt_of(task, known, note=note, similar=similar)


async def _similar(session: AsyncSession, principal: Principal, version: DocumentVersion) -> tuple[SimilarView, ...]:
    return await similar_to(session, DocumentRepository(session).readable(principal), version)


def _new_version(principal: Principal, document: Document, number: int, upload: _Upload) -> DocumentVersion:
    return DocumentVersion(
        organization_id=principal.organization_id,
        document_id=document.id,
        number=number,
        content_hash=upload.blob.sha256,
        file_path=upload.blob.path,
        filename=upload.filename,
        mime_type=upload.mime_type,
        file_size=upload.blob.size_bytes,
    )


def _new_document(principal: Principal, collection: Collection, upload: _Upload) -> Document:
    return Document(
        organization_id=principal.organization_id,
        collection_id=collection.id,
        user_id=principal.user_id,
        filename=upload.filename,
        file_path=upload.blob.path,
        mime_type=upload.mime_type,
        file_size=upload.blob.size_bytes,
    )


async def _queue_task(
    session: AsyncSession, principal: Principal, document: Document, version: DocumentVersion
) -> Task:
    """A task and its bell, in the transaction of what they are about."""
    task = Task(
        organization_id=principal.organization_id,
        task_type=TASK_INGEST,
        document_id=document.id,
        version_id=version.id,
        user_id=principal.user_id,
    )
    session.add(task)
    await session.flush()
    session.add(OutboxEntry(organization_id=principal.organization_id, topic=TASK_INGEST, task_id=task.id))
    await session.flush()
    await session.refresh(task)
    return task
