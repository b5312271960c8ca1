"""How far is reading a document, and how is it stopped?"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import ConflictError, NotFoundError
from core.identity import Principal
from core.states import IngestionStage, TaskStatus
from core.telemetry import METRICS
from db.models import Document, Task
from db.repositories.documents import DocumentRepository
from db.unit_of_work import Database
from services.access import require_document_writer
from services.audit import ClientInfo, record
from services.indexing.partial_publication import take_back
from services.uploads.near_duplicates import similar_to
from services.uploads.receipts import receipt_of
from services.views.uploads import Receipt

CANCELLED = "Reading it was stopped."
READ_AGAIN = "Read it again when it is wanted."


class TaskService:
    """Receipts of what waits, is read or was read."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
            similar = await similar_to(session, documents.readable(principal), version)
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
        async with self._database.transaction(principal.organization_id) as session:
            receipt = await cancel_task(session, principal, task_id, client=client)
        METRICS.ingestion_documents.labels("cancelled").inc()
        return receipt


async def cancel_task(session: AsyncSession, principal: Principal, task_id: UUID, *, client: ClientInfo) -> Receipt:
    """End a task that has not ended.

    Only its row changes. Whoever reads it names the token it was given in every write, and finds that it has
    the task no more; vectors that were stored until then belong to a version that never answered.

    Raises:
        NotFoundError: Absent or not the principal's to see.
        ConflictError: It has ended already.
    """
    rows = await DocumentRepository(session).list_tasks(principal, limit=1, task_id=task_id)
    if not rows:
        raise NotFoundError(f"There is no task {task_id} that you may see.")
    task, version = rows[0]
    await require_document_writer(session, principal, await session.get_one(Document, version.document_id))
    cancelled = await session.scalar(
        update(Task)
        .where(Task.id == task_id, Task.is_under_way)
        .values(
            status=TaskStatus.FAILED,
            stage=IngestionStage.FAILED,
            attempts=Task.attempts + 1,
            failure_code="cancelled",
            error_message=CANCELLED,
            next_step=READ_AGAIN,
            completed_at=func.now(),
            lease_until=None,
        )
        .returning(Task.document_id)
    )
    if cancelled is None:
        raise ConflictError("It has ended already.", next_step="Look at its receipt.")
    document = await session.get_one(Document, cancelled, with_for_update=True)
    await take_back(session, document, version)
    version.failure_code, version.error_message = "cancelled", CANCELLED
    document.not_read(CANCELLED)
    record(
        session,
        organization_id=principal.organization_id,
        user_id=principal.user_id,
        action="updated",
        resource_type="task",
        resource_id=task_id,
        client=client,
        after={"cancelled": True},
    )
    await session.flush()
    await session.refresh(task)
    return receipt_of(task, version)
