"""How does content become a document or a version of one, with a task to read it?

In the transaction of whoever hands it in, under the lock of the organisation's row: so nothing passes quota or naming
beside it, and bytes, rows, task and outbox entry exist together or not at all.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import ConflictError, DocumentError, NotFoundError, QuotaError, ValidationError
from core.states import TaskType
from db.models import Document, DocumentVersion, Organization, OutboxEntry, Task
from db.repositories.documents import DocumentRepository
from db.repositories.versions import VersionRepository
from services.accounts.organization_limits import MORE_DOCUMENTS
from services.audit import ClientInfo, record
from services.blobs import BlobStore, StoredBlob

MAX_FILENAME = 255


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a document is, and from where it came."""

    organization_id: UUID
    user_id: UUID | None
    client: ClientInfo


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that are safely stored, and what they are called."""

    filename: str
    mime_type: str
    blob: StoredBlob


@dataclass(frozen=True, slots=True)
class Place:
    """Where a new document goes.

    Attributes:
        parent_id: The document in whose file it lay; None for what a person handed in.
    """

    collection_id: UUID
    parent_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """What became of it.

    Attributes:
        unchanged: The content was there already; the task is the one that read it.
    """

    task: Task
    version: DocumentVersion
    unchanged: bool = False
    note: str = ""


async def lock(session: AsyncSession, organization_id: UUID) -> Organization:
    """The organisation's row: the queue in which uploads of one organisation pass quota and naming.

    Raises:
        NotFoundError: It was deleted.
    """
    organization = await session.get(Organization, organization_id, with_for_update=True)
    if organization is None or organization.is_deleted:
        raise NotFoundError("The organisation was deleted.", next_step="Ask the operator.")
    return organization


def require_stored(blobs: BlobStore, content: Content) -> None:
    """Whoever deletes files holds the organisation's row too.

    Raises:
        ConflictError: The same content was deleted between storing it and here.
    """
    if not blobs.has(content.blob.path):
        raise ConflictError("The same file was deleted just now.", next_step="Upload it again.")


def require_type(mime_type: str, allowed: Iterable[str]) -> None:
    """Pass a type that one of these patterns names.

    Raises:
        DocumentError: None does.
    """
    if not any(fnmatchcase(mime_type, pattern) for pattern in allowed):
        raise DocumentError(
            f"Files of the type {mime_type} are not taken in here.",
            failure_code="unsupported_type",
            next_step="Ask the operator, who can add the type to ingestion.supported_mime_types.",
        )


async def admit(
    session: AsyncSession, organization: Organization, owner: Owner, target: Document | Place, content: Content
) -> Admitted:
    """A new document, a new version of one, or nothing when its newest has this content.

    Args:
        target: The document it is a version of, locked; or where a new one goes.

    Raises:
        QuotaError: The organisation has as many documents as it may.
    """
    if isinstance(target, Document):
        document = target
        known = await VersionRepository(session).with_content(document.id, content.blob.sha256)
        if known is not None:
            return await _known_content(session, owner, document, known)
        latest = await DocumentRepository(session).latest_version(document.id)
        number = latest.number + 1 if latest else 1
    else:
        await _require_quota(session, organization)
        document = _new_document(owner, target, content)
        session.add(document)
        await session.flush()
        number = 1
    version = _new_version(owner, document, number, content)
    session.add(version)
    await session.flush()
    task = await queue_task(session, owner, document, version)
    _note(session, owner, document, number, content.blob.sha256, created=number == 1)
    await session.refresh(task)
    return Admitted(task, version)


async def queue_task(session: AsyncSession, owner: Owner, document: Document, version: DocumentVersion) -> Task:
    """A task and its outbox entry, in the transaction of what they are about."""
    task = Task(
        organization_id=owner.organization_id,
        task_type=TaskType.INGEST,
        document_id=document.id,
        version_id=version.id,
        user_id=owner.user_id,
    )
    session.add(task)
    await session.flush()
    session.add(OutboxEntry(organization_id=owner.organization_id, topic=TaskType.INGEST, task_id=task.id))
    await session.flush()
    await session.refresh(task)
    return task


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


async def _require_quota(session: AsyncSession, organization: Organization) -> None:
    if await DocumentRepository(session).count(organization.id) >= organization.max_documents:
        raise QuotaError(
            f"{organization.name} may hold {organization.max_documents} documents, and does.",
            next_step=f"Delete some. {MORE_DOCUMENTS}",
        )


async def _known_content(session: AsyncSession, owner: Owner, document: Document, known: DocumentVersion) -> Admitted:
    """A version that has this content: nothing to do, or it is to answer again and is read again."""
    documents = DocumentRepository(session)
    newest = await documents.newest_ingestion(document.id)
    wanted = document.active_version_id
    if newest is not None and newest.is_under_way:
        wanted = newest.version_id
    task = await documents.newest_task(known.id)
    if wanted == known.id and task is not None:
        return Admitted(task, known, unchanged=True)
    task = await queue_task(session, owner, document, known)
    _note(session, owner, document, known.number, known.content_hash, created=False)
    note = f"Version {known.number} has this content already; it is read again and answers afterwards."
    return Admitted(task, known, note=note)


def _note(session: AsyncSession, owner: Owner, document: Document, number: int, sha256: str, *, created: bool) -> None:
    record(
        session,
        organization_id=owner.organization_id,
        user_id=owner.user_id,
        action="created" if created else "updated",
        resource_type="document",
        resource_id=document.id,
        client=owner.client,
        after={"version": number, "sha256": sha256},
    )


def _new_version(owner: Owner, document: Document, number: int, content: Content) -> DocumentVersion:
    return DocumentVersion(
        organization_id=owner.organization_id,
        document_id=document.id,
        number=number,
        content_hash=content.blob.sha256,
        file_path=content.blob.path,
        filename=content.filename,
        mime_type=content.mime_type,
        file_size=content.blob.size_bytes,
    )


def _new_document(owner: Owner, place: Place, content: Content) -> Document:
    return Document(
        organization_id=owner.organization_id,
        collection_id=place.collection_id,
        parent_document_id=place.parent_id,
        user_id=owner.user_id,
        filename=content.filename,
        file_path=content.blob.path,
        mime_type=content.mime_type,
        file_size=content.blob.size_bytes,
    )
