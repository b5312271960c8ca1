"""Which files did a person hand in together, and are they all done?

A batch is what rows say: tasks of one person whose times between hand-in and end touch each other. Nothing of it is
kept in a process, so it does not matter which worker read the last file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.states import TaskStatus, TaskType
from db.models import DocumentVersion, Task

APART = timedelta(seconds=10)
"""Files handed in one after the other belong together when the next comes within so long after the last was ready."""
LONGEST = timedelta(days=1)
MOST = 5_000


@dataclass(frozen=True, slots=True)
class BatchFile:
    """One of them; without ``failure_code`` it is ready."""

    document_id: UUID
    filename: str
    created_at: datetime
    completed_at: datetime
    failure_code: str | None


async def ended_batch(session: AsyncSession, user_id: UUID) -> Sequence[BatchFile]:
    """The newest batch of a person in the order of its hand-in; nothing while one of the files is not done."""
    statement = (
        select(
            Task.status,
            Task.failure_code,
            Task.created_at,
            Task.completed_at,
            DocumentVersion.document_id,
            DocumentVersion.filename,
        )
        .join(DocumentVersion, DocumentVersion.id == Task.version_id)
        .where(Task.user_id == user_id, Task.task_type == TaskType.INGEST, Task.created_at > func.now() - LONGEST)
        .order_by(Task.completed_at.desc().nulls_first())
        .limit(MOST)
    )
    files: list[BatchFile] = []
    begun: datetime | None = None
    for row in await session.execute(statement):
        if row.completed_at is None:
            return []
        if begun is not None and row.completed_at < begun - APART:
            break
        begun = row.created_at if begun is None else min(begun, row.created_at)
        code = (row.failure_code or "internal") if row.status is TaskStatus.FAILED else None
        files.append(BatchFile(row.document_id, row.filename, row.created_at, row.completed_at, code))
    return sorted(files, key=lambda file: file.created_at)
