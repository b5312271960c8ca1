"""How do documents get from one index to another while they answer?

One of the modules that look across organisations. Every document whose answering version is not in each index the
settings want, or was cut by other rules, is given a task that reads it again: the same way it came in, with the same
safety, a few at a time so that uploads do not wait. What nobody searches any more is emptied afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import Select, delete, exists, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from core.errors import KnowledgeFoundryError
from core.states import TaskStatus, TaskType
from db.maintenance import MaintenanceDatabase
from db.models import Document, DocumentVersion, IndexedVersion, OutboxEntry, SearchIndex, Task
from services.search_index.indexes import Index, Indexes
from services.tasks.queue import JobQueue

log = structlog.get_logger(__name__)

MAX_OPEN = 8
"""Moves that wait or run at once; an upload waits behind no more."""
SETTLED = timedelta(seconds=10)
"""Age of an index from which on every process has the settings that want it."""
AGAIN_AFTER = timedelta(minutes=10)
MAX_TRIES = 3
LAST_READERS = timedelta(seconds=60)
"""Between the last document that moved out and the removal: questions under way may still look there."""
BATCH = 200
LEADER_LOCK = 4242003


class IndexMigrator:
    """Migrator between indexes: begins moves and empties what is left, through the maintenance role."""

    def __init__(
        self,
        database: MaintenanceDatabase,
        queue: JobQueue,
        indexes: Indexes,
        chunking: str,
    ) -> None:
        """``chunking`` are the rules by which documents are cut now."""
        self._database = database
        self._queue = queue
        self._indexes = indexes
        self._chunking = chunking

    async def run(self) -> int:
        """One round; safe to run anywhere and any number of times. Returns how many moves were begun."""
        begun = await self._begin()
        for organization_id, task_id in begun:
            try:
                await self._queue.enqueue(organization_id, task_id)
            except KnowledgeFoundryError as error:
                log.warning("enqueue_postponed", reason=error.code)
                break  # the sweep enqueues them
        if begun:
            log.info("moves_begun", documents=len(begun), store=self._indexes.primary.store)
        await self._retire()
        for index in self._indexes.former:
            await self._empty(index)
        return len(begun)

    # -- moving

    async def _begin(self) -> Sequence[tuple[UUID, UUID]]:
        async with self._database.transaction() as session:
            if not await _leads(session):
                return []
            open_moves = await session.scalar(
                select(func.count(Task.id)).where(Task.task_type == TaskType.MOVE, Task.is_under_way)
            )
            room = MAX_OPEN - (open_moves or 0)
            if room <= 0:
                return []
            rows = (await session.execute(self._misplaced().limit(room))).all()
            tasks = [
                Task(
                    organization_id=row.organization_id,
                    task_type=TaskType.MOVE,
                    document_id=row.id,
                    version_id=row.active_version_id,
                    meta={"target": self._target},
                )
                for row in rows
            ]
            session.add_all(tasks)
            await session.flush()
            session.add_all(
                OutboxEntry(organization_id=task.organization_id, topic=TaskType.INGEST, task_id=task.id)
                for task in tasks
            )
            return [(task.organization_id, task.id) for task in tasks]

    @property
    def _target(self) -> str:
        """What a move is for; a failed one is not tried again and again for the same."""
        return " ".join([*(str(index.id) for index in self._indexes.written), self._chunking])

    def _misplaced(self) -> Select[UUID, UUID, UUID | None]:
        """Documents that answer from elsewhere or were cut otherwise, the longest waiting first."""
        version = Document.active_version_id
        wanted = [index.id for index in self._indexes.written]
        inside = (
            select(func.count(IndexedVersion.id))
            .where(IndexedVersion.version_id == version, IndexedVersion.index_id.in_(wanted))
            .scalar_subquery()
        )
        settled = (
            select(func.count(SearchIndex.id))
            .where(SearchIndex.id.in_(wanted), SearchIndex.created_at <= func.now() - SETTLED)
            .scalar_subquery()
        )
        tried = Task.version_id == version, Task.task_type == TaskType.MOVE, Task.meta["target"].astext == self._target
        busy = exists().where(Task.version_id == version, Task.is_under_way)
        just_tried = exists().where(*tried, Task.created_at > func.now() - AGAIN_AFTER)
        # A move that ended well but could not reach the fallback is no try: the fallback may be down for long.
        tries = select(func.count(Task.id)).where(*tried, Task.status == TaskStatus.FAILED).scalar_subquery()
        return (
            select(Document.organization_id, Document.id, version)
            .join(DocumentVersion, DocumentVersion.id == version)
            .where(
                ~Document.is_deleted,
                or_(inside < len(wanted), DocumentVersion.chunking != self._chunking),
                settled == len(wanted),
                ~busy,
                ~just_tried,
                tries < MAX_TRIES,
            )
            .order_by(tries, Document.indexed_at)
        )

    # -- leaving

    async def _retire(self) -> None:
        """Former indexes that no answering version needs any more."""
        former = [index.id for index in self._indexes.former]
        if not former:
            return
        moved = aliased(IndexedVersion)
        elsewhere = exists().where(
            moved.version_id == Document.active_version_id, moved.index_id == self._indexes.primary.id
        )
        needed = (
            select(IndexedVersion.index_id)
            .join(Document, Document.active_version_id == IndexedVersion.version_id)
            .where(~Document.is_deleted, ~elsewhere)
        )
        async with self._database.transaction() as session:
            retired = await session.scalars(
                update(SearchIndex)
                .where(
                    SearchIndex.id.in_(former),
                    SearchIndex.retired_at.is_(None),
                    SearchIndex.created_at <= func.now() - SETTLED,
                    SearchIndex.id.not_in(needed),
                )
                .values(retired_at=func.now())
                .returning(SearchIndex.id)
            )
            for index_id in retired:
                log.info("index_retired", index_id=str(index_id))

    async def _empty(self, index: Index) -> None:
        """Remove the vectors of an index nobody searches any more, a batch a round."""
        if index.vectors is None:
            return
        async with self._database.transaction() as session:
            if not await _leads(session):
                return
            over = await session.scalar(
                select(SearchIndex.id).where(
                    SearchIndex.id == index.id, SearchIndex.retired_at <= func.now() - LAST_READERS
                )
            )
            if over is None:
                return
            rows = (
                await session.execute(
                    select(IndexedVersion.id, IndexedVersion.organization_id, IndexedVersion.version_id)
                    .where(IndexedVersion.index_id == index.id)
                    .limit(BATCH)
                )
            ).all()
            for row in rows:
                await index.vectors.delete_version(index.collection, row.version_id, row.organization_id)
            await session.execute(delete(IndexedVersion).where(IndexedVersion.id.in_([row.id for row in rows])))
        if rows:
            log.info("index_emptied", index_id=str(index.id), versions=len(rows))


async def _leads(session: AsyncSession) -> bool:
    """Whether this process is the one that moves, until the end of the transaction."""
    return bool(await session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LEADER_LOCK}))
