"""Which document is read next?

One of the modules that look across organisations: whoever has the fewest in hand is served first, and within that short
files overtake long ones, though none for ever. A worker keeps a place free of long files, so that a note is never stuck
behind annual reports.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from uuid import UUID

import structlog
from sqlalchemy import func, select, text

from core.states import TaskStatus, TaskType
from core.telemetry import METRICS
from db.maintenance import MaintenanceDatabase
from db.models import Task
from services.indexing.pipeline import IngestionPipeline
from services.worker.memory import available_mb

log = structlog.get_logger(__name__)

LONG_FILE_BYTES = 1_000_000
OVERTAKEN_FOR_S = 600
"""A long file that waited for so long is overtaken no more."""
PAUSE_S = 5
"""Before a task is tried again whose worker died or whose stores were away, times the attempts it had."""
LOOK_S = 2.0
"""Without being woken: another worker may have been and have no place left."""

# Its words are not bound: most tasks have ended, and a plan for any status would read them all.
_NEXT = text(
    "WITH busy AS (SELECT organization_id, count(*) AS tasks FROM tasks "
    "WHERE status = 'running' AND lease_until > now() GROUP BY organization_id) "
    "SELECT t.organization_id, t.id, v.file_size > :long AS long FROM tasks t "
    "JOIN document_versions v ON v.id = t.version_id LEFT JOIN busy b ON b.organization_id = t.organization_id "
    "WHERE (t.status = 'queued' OR (t.status = 'running' "
    "AND t.lease_until < now() - make_interval(secs => :pause * t.attempts))) AND (:any OR v.file_size <= :long) "
    # What answers already, and only moves to another index, comes last.
    "ORDER BY t.task_type = 'move', coalesce(b.tasks, 0), "
    "v.file_size > :long AND t.created_at > now() - make_interval(secs => :patience), "
    "t.created_at, t.id LIMIT 1"
)


class Dispatcher:
    """Dispatcher that fills the places of one worker.

    Args:
        pipeline: What reads a document that is begun now.
        places: Documents at the same time; one place is never given to a long file.
        spare_mb: Beside the first, no document is begun while less memory is available.
    """

    def __init__(
        self,
        database: MaintenanceDatabase,
        pipeline: Callable[[], IngestionPipeline],
        *,
        places: int,
        spare_mb: float = 0.0,
        memory_mb: Callable[[], float] = available_mb,
    ) -> None:
        self._database = database
        self._pipeline = pipeline
        self._places = places
        self._spare_mb, self._memory_mb = spare_mb, memory_mb
        self._in_hand: set[asyncio.Task[None]] = set()
        self._long: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()

    @property
    def in_hand(self) -> frozenset[asyncio.Task[None]]:
        """The tasks that run."""
        return frozenset(self._in_hand)

    def wake(self) -> None:
        """There may be something to do."""
        self._woken.set()

    async def serve(self) -> None:
        """Until cancelled; the documents in hand are read on."""
        while True:
            self._woken.clear()
            try:
                while self._has_room() and await self._begin_next():
                    pass
            except Exception:
                log.warning("dispatch_postponed", exc_info=True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._woken.wait()

    async def drain(self) -> None:
        """Wait for the tasks in hand."""
        while self._in_hand:
            await asyncio.wait(self._in_hand)

    async def count_waiting(self) -> None:
        """Tell the metrics how many tasks wait, of all organisations; while nobody knows, they say nothing."""
        waiting = select(Task.task_type, func.count()).where(Task.status == TaskStatus.QUEUED).group_by(Task.task_type)
        try:
            async with self._database.transaction() as session:
                counts = {row[0]: row[1] for row in await session.execute(waiting)}
        except Exception:
            METRICS.jobs_waiting.clear()
            raise
        for kind in TaskType:
            METRICS.jobs_waiting.labels(kind).set(counts.get(kind, 0))

    def _has_room(self) -> bool:
        """A place, and memory to use it; one document is always read, or a small machine would read none."""
        if not self._in_hand:
            return True
        if len(self._in_hand) >= self._places:
            return False
        if (left := self._memory_mb()) < self._spare_mb:
            log.info("begins_postponed", available_mb=round(left), in_hand=len(self._in_hand))
            return False
        return True

    async def begin(self, organization_id: UUID, task_id: UUID, *, long: bool = False) -> None:
        """Take this very task and begin it, whatever waits before it; nothing if somebody else has it."""
        pipeline = self._pipeline()
        lease = await pipeline.take(organization_id, task_id)
        if lease is None:
            return
        task = asyncio.create_task(pipeline.carry_out(lease))
        self._in_hand.add(task)
        if long:
            self._long.add(task)
        task.add_done_callback(self._ended)

    async def _begin_next(self) -> bool:
        """Take the next document, unless another worker was faster; False when none waits that there is a place for."""
        parameters = {
            "long": LONG_FILE_BYTES,
            "any": len(self._long) < max(self._places - 1, 1),
            "patience": OVERTAKEN_FOR_S,
            "pause": PAUSE_S,
        }
        async with self._database.transaction() as session:
            row = (await session.execute(_NEXT, parameters)).first()
        if row is None:
            return False
        await self.begin(row.organization_id, row.id, long=row.long)
        return True

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._in_hand.discard(task)
        self._long.discard(task)
        self._woken.set()
        if not task.cancelled() and (error := task.exception()):
            log.error("task_broken", exc_info=error)
