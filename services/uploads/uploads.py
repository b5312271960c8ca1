"""How does a file come in?

The answer to an upload is a receipt. Before it is given, bytes, row, task and outbox entry are safe; from then on a
worker or the sweep will finish the task, whatever dies in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from config.product import IngestionSettings
from core.crash_points import crash_point
from core.errors import (
    ConflictError,
    NotFoundError,
    ProviderUnavailableError,
    RateLimitError,
    ValidationError,
)
from core.identity import Principal, Role, Scope
from core.security import content_type
from core.states import TaskStatus
from core.telemetry import METRICS
from db.models import Collection, Document, DocumentVersion, Organization, OutboxEntry, Task
from db.repositories.documents import DocumentRepository
from db.repositories.versions import VersionRepository
from db.unit_of_work import Database
from services.access import own_collection, require_document_writer, require_own_quota, require_writer
from services.audit import ClientInfo, record
from services.blobs import BlobStore, StoredBlob
from services.tasks.queue import JobQueue
from services.uploads.admission import (
    Content,
    Owner,
    Place,
    admit,
    clean_filename,
    lock,
    queue_task,
    require_stored,
    require_type,
)
from services.uploads.near_duplicates import similar_to
from services.uploads.receipts import receipt_of
from services.views.uploads import Receipt, SimilarView

log = structlog.get_logger(__name__)


QUEUE_FULL_S = 60.0
DEFAULT_COLLECTION = "General"
"""Where documents of editors go when nobody says otherwise; open to the organisation."""


@dataclass(frozen=True, slots=True)
class _Upload:
    content: Content
    document_id: UUID | None
    """The document it is for, when a person chose one."""


class IngestionService:
    """Uploads, receipts and repeats."""

    def __init__(self, database: Database, blobs: BlobStore, queue: JobQueue, settings: IngestionSettings) -> None:
        self._database = database
        self._blobs = blobs
        self._queue = queue
        self._settings = settings

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

        Who is no editor hands in files of his own, which nobody else reads.

        Args:
            document_id: The document it is a new version of, whatever the file is called.

        Raises:
            DocumentError: Empty, too large, of a type nobody reads; nothing is kept.
            AuthorizationError: The place is shared, and the principal is no editor.
            QuotaError: The organisation has as many documents as it may, or the principal as many files of his own.
            RateLimitError: Too many of its documents wait to be read.
            NotFoundError: There is no such collection or document.
            ValidationError: The document lies in another collection.
        """
        name = clean_filename(filename)
        await self.require_right(principal, collection_id, document_id)
        await self._require_place(principal)
        blob = await self._blobs.write(principal.organization_id, chunks, limit_bytes=self._settings.max_file_bytes)
        try:
            mime_type = await asyncio.to_thread(content_type.detect, self._blobs.resolve(blob.path), name)
            require_type(mime_type, self._settings.supported_mime_types)
            upload = _Upload(Content(name, mime_type, blob), document_id)
            receipt = await self._admit(principal, collection_id, upload, client)
        except Exception:
            await self._forget_if_unused(principal.organization_id, blob)
            raise
        if not receipt.unchanged:
            await self._enqueue(principal.organization_id, receipt.task_id)
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
        async with self._database.transaction(principal.organization_id) as session:
            documents = DocumentRepository(session)
            document = await documents.get(document_id, principal=principal)
            await require_document_writer(session, principal, document)
            version = await _to_read(session, document, number)
            latest = (await documents.latest_tasks([document_id])).get(document_id)
            if latest is not None and latest[0].is_under_way:
                raise ConflictError("The document is being read right now.", next_step="Wait until it is done.")
            owner = Owner(principal.organization_id, principal.user_id, client)
            task = await queue_task(session, owner, document, version)
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
        await self._enqueue(principal.organization_id, receipt.task_id)
        return receipt

    # -- steps of an upload

    async def require_right(self, principal: Principal, collection_id: UUID | None, document_id: UUID | None) -> None:
        """Pass who may hand a file in there; without a place it goes where such files of the principal go.

        Raises:
            AuthorizationError: The place is shared, and the principal is no editor.
            NotFoundError: There is no such collection or document.
        """
        if collection_id is None and document_id is None:
            principal.require(Role.VIEWER if self._settings.max_own_files else Role.EDITOR, Scope.WRITE)
            return
        async with self._database.transaction(principal.organization_id) as session:
            documents = DocumentRepository(session)
            if document_id is not None:
                await require_document_writer(session, principal, await documents.get(document_id, principal=principal))
            elif collection_id is not None:
                require_writer(principal, await documents.get_collection(collection_id, principal=principal))

    async def _require_place(self, principal: Principal) -> None:
        """Before a byte is stored: what comes in faster than it is read is put off, not piled up."""
        waiting = select(Task.id).where(Task.status == TaskStatus.QUEUED).limit(self._settings.max_queued).subquery()
        async with self._database.transaction(principal.organization_id) as session:
            count = await session.scalar(select(func.count()).select_from(waiting)) or 0
        if count >= self._settings.max_queued:
            METRICS.rate_limited.labels("queue").inc()
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
        owner = Owner(principal.organization_id, principal.user_id, client)
        async with self._database.transaction(principal.organization_id) as session:
            organization = await lock(session, principal.organization_id)
            require_stored(self._blobs, upload.content)
            document, collection = await _target(session, principal, collection_id, upload)
            if document is None and collection.user_id is not None:
                await require_own_quota(session, collection, self._settings.max_own_files)
            admitted = await admit(session, organization, owner, document or Place(collection.id), upload.content)
            crash_point("upload.inserted")
            return receipt_of(
                admitted.task,
                admitted.version,
                unchanged=admitted.unchanged,
                note=admitted.note,
                similar=await _similar(session, principal, admitted.version),
            )

    async def _enqueue(self, organization_id: UUID, task_id: UUID) -> None:
        crash_point("upload.committed")
        try:
            await self._queue.enqueue(organization_id, task_id)
            crash_point("upload.enqueued")
        except ProviderUnavailableError as error:
            log.warning("enqueue_postponed", task_id=str(task_id), reason=error.code)
            return
        async with self._database.transaction(organization_id) as session:
            await session.execute(delete(OutboxEntry).where(OutboxEntry.task_id == task_id))
        crash_point("upload.outbox_cleared")

    async def _forget_if_unused(self, organization_id: UUID, blob: StoredBlob) -> None:
        async with self._database.transaction(organization_id) as session:
            await session.get(Organization, organization_id, with_for_update=True)
            if not await DocumentRepository(session).is_blob_used(blob.path):
                await self._blobs.delete(blob.path)


async def _collection(
    session: AsyncSession, documents: DocumentRepository, principal: Principal, collection_id: UUID | None
) -> Collection:
    if collection_id is not None:
        return await documents.get_collection(collection_id, principal=principal)
    if not principal.role.includes(Role.EDITOR):
        return await own_collection(session, principal)
    rows = await documents.list_collections(principal)
    general = next((row[0] for row in rows if row[0].name == DEFAULT_COLLECTION and row[0].user_id is None), None)
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
    session: AsyncSession, principal: Principal, collection_id: UUID | None, upload: _Upload
) -> tuple[Document | None, Collection]:
    """(the document an upload is a version of, locked, or None for a new one; its collection)."""
    documents = DocumentRepository(session)
    if upload.document_id is None:
        collection = await _collection(session, documents, principal, collection_id)
        return await documents.find_by_name(collection.id, upload.content.filename), collection
    document = await documents.get(upload.document_id, principal=principal)
    if collection_id not in (None, document.collection_id):
        raise ValidationError(
            "The document lies in another collection.", next_step="Name the document alone, or the right collection."
        )
    await session.refresh(document, with_for_update=True)
    return document, await documents.get_collection(document.collection_id, principal=principal)


async def _similar(session: AsyncSession, principal: Principal, version: DocumentVersion) -> tuple[SimilarView, ...]:
    return await similar_to(session, DocumentRepository(session).readable(principal), version)
