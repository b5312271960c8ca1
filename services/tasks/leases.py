"""Which worker holds a task?

A lease ends by itself unless its heartbeat moves it on. ``attempts`` is the fencing token: every write of a worker
names the one it was given, and a worker that slept past its lease writes nothing more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import Update, func, or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.crash_points import crash_point
from core.errors import ConflictError, DatabaseError
from core.states import TaskStatus
from db.models import Task
from db.unit_of_work import Database

log = structlog.get_logger(__name__)

LEASE_S, HEARTBEAT_S = 15.0, 5.0


class LeaseLostError(ConflictError):
    """Another worker has the task now, or it was deleted."""

    code = "lease_lost"


@dataclass(frozen=True, slots=True)
class Lease:
    """A task in hand; ``token`` goes with every write."""

    organization_id: UUID
    task_id: UUID
    token: int
    task_type: str


class LeaseKeeper:
    """Takes, keeps and checks leases."""

    def __init__(
        self, database: Database, *, owner: str, lease_s: float = LEASE_S, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        self._database = database
        self._owner = owner
        self._lease = timedelta(seconds=lease_s)
        self._heartbeat_s = heartbeat_s

    async def take(self, organization_id: UUID, task_id: UUID) -> Lease | None:
        """The task, if nobody works on it and it is not finished."""
        statement = (
            update(Task)
            .where(
                Task.id == task_id,
                or_(Task.status == TaskStatus.QUEUED, Task.is_let_go()),
            )
            .values(
                status=TaskStatus.RUNNING,
                attempts=Task.attempts + 1,
                lease_until=func.now() + self._lease,
                lease_owner=self._owner,
                started_at=func.coalesce(Task.started_at, func.now()),
            )
            .returning(Task.attempts, Task.task_type)
        )
        crash_point("lease.take")
        async with self._database.transaction(organization_id) as session:
            row = (await session.execute(statement)).first()
        crash_point("lease.taken")
        return None if row is None else Lease(organization_id, task_id, *row)

    @asynccontextmanager
    async def kept(self, lease: Lease) -> AsyncIterator[None]:
        """Move the lease on while the block runs; cancel the block when it is lost.

        Raises:
            LeaseLostError: Somebody else has the task.
        """
        current = asyncio.current_task()
        lost = asyncio.Event()

        async def beat() -> None:
            while True:
                await asyncio.sleep(self._heartbeat_s)
                try:
                    if await self._extend(lease):
                        continue
                except DatabaseError:
                    log.warning("heartbeat_missed", task_id=str(lease.task_id))
                    continue
                lost.set()
                if current is not None:
                    current.cancel()
                return

        heart = asyncio.create_task(beat())
        try:
            yield
        except asyncio.CancelledError:
            if not lost.is_set():
                raise
            raise LeaseLostError("The task was taken over.") from None
        finally:
            heart.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await heart

    async def _extend(self, lease: Lease) -> bool:
        statement = _held(lease).values(lease_until=func.now() + self._lease).returning(Task.id)
        async with self._database.transaction(lease.organization_id) as session:
            return await session.scalar(statement) is not None

    async def write(self, lease: Lease, session: AsyncSession | None = None, **values: object) -> None:
        """Change the task, in the caller's transaction or one of its own.

        Inside the caller's transaction this also locks the row, so that everything else there is fenced with it.

        Raises:
            LeaseLostError: The token is no longer the task's.
        """
        statement = _held(lease).values(**values).returning(Task.id)
        if session is not None:
            found = await session.scalar(statement)
        else:
            async with self._database.transaction(lease.organization_id) as own:
                found = await own.scalar(statement)
        if found is None:
            raise LeaseLostError("The task was taken over.")


def _held(lease: Lease) -> Update:
    return update(Task).where(Task.id == lease.task_id, Task.attempts == lease.token, Task.status == TaskStatus.RUNNING)
