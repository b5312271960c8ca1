"""Which version of a document answers from now on?

Whoever switches holds the document's row. Period, statistics and the pointer to the version change in one transaction,
so that a question meets the old version or the new one, never both and never none.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.states import DocumentStatus, TaskStatus, TaskType
from db.models import Document, DocumentVersion, Task
from db.repositories.versions import VersionRepository


async def activate(session: AsyncSession, document: Document, version: DocumentVersion) -> None:
    """Make the version the one that answers; whoever calls counts its terms in and those of the former out."""
    now = await VersionRepository(session).activate(document, version)
    if document.active_version_id not in (None, version.id):
        former = await session.get(DocumentVersion, document.active_version_id)
        if former is not None:
            former.valid_to = now
    version.valid_from = version.valid_from or now
    version.valid_to = None
    document.active_version_id = version.id
    document.file_path, document.mime_type, document.file_size = version.file_path, version.mime_type, version.file_size
    document.status, document.error_message = DocumentStatus.READY, None


async def is_overtaken(session: AsyncSession, task_id: UUID, document: Document) -> bool:
    """Whether what the task was asked for is no longer wanted, though reading it went well.

    A move carries the version that answered when it began; another may answer by now. Of two uploads read side by side
    the later one answers, whichever is done first.
    """
    task = await session.get_one(Task, task_id)
    if document.active_version_id in (None, task.version_id):
        return False
    if task.task_type is TaskType.MOVE:
        return True
    later = exists().where(
        Task.document_id == document.id,
        Task.task_type == TaskType.INGEST,
        Task.status == TaskStatus.COMPLETED,
        Task.created_at > task.created_at,
    )
    return bool(await session.scalar(select(later)))


async def is_being_read(session: AsyncSession, document_id: UUID) -> bool:
    """Whether an upload of the document, or a request to read it again, is still under way."""
    under_way = exists().where(Task.document_id == document_id, Task.task_type == TaskType.INGEST, Task.is_under_way)
    return bool(await session.scalar(select(under_way)))
