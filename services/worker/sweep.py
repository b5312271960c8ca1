"""What did the queue forget?

One of the modules that look across organisations. Jobs that were never enqueued, leases that ran out, tasks nobody
took: all are enqueued again. Safe to run anywhere and any number of times.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from core.errors import ProviderUnavailableError
from core.states import TaskStatus
from db.maintenance import MaintenanceDatabase
from db.models import OutboxEntry, Task, WorkerBeat
from services.tasks.queue import JobQueue

log = structlog.get_logger(__name__)

FORGOTTEN = timedelta(seconds=60)
"""A queued task that nobody took for so long is enqueued again, for its job may wait behind many others."""
FORGOTTEN_WITH_EMPTY_QUEUE = timedelta(seconds=10)
"""The same when no job waits: this one was lost with its worker."""
BATCH = 500
LEADER_LOCK = 4242002
NO_ORGANIZATION = "00000000-0000-0000-0000-000000000000"


class Sweep:
    """Sweep of what was forgotten, and heartbeats, through the maintenance role."""

    def __init__(self, database: MaintenanceDatabase, queue: JobQueue) -> None:
        self._database = database
        self._queue = queue

    async def run(self) -> int:
        """Enqueue everything that waits without a job. Returns how many; 0 when another process sweeps."""
        try:
            patience = FORGOTTEN if await self._queue.depth() else FORGOTTEN_WITH_EMPTY_QUEUE
        except ProviderUnavailableError as error:
            log.warning("sweep_postponed", reason=error.code)
            return 0
        async with self._database.transaction() as session:
            leads = await session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LEADER_LOCK})
            if not leads:
                return 0
            outbox = select(OutboxEntry.organization_id, OutboxEntry.task_id).where(
                OutboxEntry.available_at <= func.now()
            )
            waiting = select(Task.organization_id, Task.id).where(
                or_(
                    Task.is_let_go(),
                    (Task.status == TaskStatus.QUEUED) & (Task.updated_at < func.now() - patience),
                )
            )
            rows = {(row[0], row[1]) for row in await session.execute(outbox.limit(BATCH))}
            rows |= {(row[0], row[1]) for row in await session.execute(waiting.limit(BATCH))}
            for organization_id, task_id in sorted(rows):
                try:
                    await self._queue.enqueue(organization_id, task_id)
                except ProviderUnavailableError as error:
                    log.warning("sweep_postponed", waiting=len(rows), reason=error.code)
                    return 0
            task_ids = [task_id for _, task_id in rows]
            await session.execute(delete(OutboxEntry).where(OutboxEntry.task_id.in_(task_ids)))
            await session.execute(
                update(Task)
                .where(Task.id.in_(task_ids), Task.status == TaskStatus.QUEUED)
                .values(updated_at=func.now())
            )
        if rows:
            log.info("swept", enqueued=len(rows))
        return len(rows)

    async def beat(self, worker: str) -> None:
        """Say that a worker is alive."""
        statement = insert(WorkerBeat).values(organization_id=NO_ORGANIZATION, name=worker, last_seen_at=func.now())
        async with self._database.transaction() as session:
            await session.execute(
                statement.on_conflict_do_update(index_elements=["name"], set_={"last_seen_at": func.now()})
            )
            await session.execute(delete(WorkerBeat).where(WorkerBeat.last_seen_at < func.now() - timedelta(days=1)))
