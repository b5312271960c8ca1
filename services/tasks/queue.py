"""How is a worker told that there is something to do?

RQ only wakes a worker: the task row is the truth, and a lost or doubled job does no harm. Jobs are named by path, so
that services import no job, and travel as JSON, never as pickle.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from uuid import UUID

import redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from core.errors import ProviderUnavailableError

INGEST = "jobs.ingestion.ingest"
JOBS = (INGEST,)
"""Every dotted name that is enqueued; a test resolves each."""


def connect(url: str) -> redis.Redis:
    """A client for RQ, which speaks Redis synchronously and off the event loop."""
    return redis.Redis.from_url(url, socket_connect_timeout=5, health_check_interval=30)


class JobQueue:
    """Queue of jobs that wake workers."""

    def __init__(self, client: redis.Redis, name: str) -> None:
        self._queue = Queue(name, connection=client, serializer=JSONSerializer)

    async def enqueue(self, organization_id: UUID, task_id: UUID) -> None:
        """Tell a worker about a task.

        Raises:
            ProviderUnavailableError: Redis is away; the sweep will enqueue it later.
        """
        try:
            await asyncio.to_thread(
                self._queue.enqueue,
                INGEST,
                str(organization_id),
                str(task_id),
                result_ttl=0,
                failure_ttl=3600,
                ttl=24 * 3600,
            )
        except redis.RedisError as error:
            raise ProviderUnavailableError("The queue does not answer.", next_step="Check Redis.") from error

    async def depth(self) -> int:
        """How many jobs no worker has taken yet."""
        try:
            return await asyncio.to_thread(lambda: self._queue.count)
        except redis.RedisError as error:
            raise ProviderUnavailableError("The queue does not answer.", next_step="Check Redis.") from error

    async def count_of(self, organization_id: UUID) -> int:
        """How many jobs are for an organisation."""
        return len(await self._of(organization_id))

    async def forget(self, organization_id: UUID) -> int:
        """Take an organisation's jobs back. Returns how many."""
        jobs = await self._of(organization_id)
        for job in jobs:
            await asyncio.to_thread(job.delete)
        return len(jobs)

    async def count_tasks(self, task_ids: Collection[UUID]) -> int:
        """How many jobs are for one of these tasks."""
        return len(await self._for(task_ids))

    async def forget_tasks(self, task_ids: Collection[UUID]) -> None:
        """Take the jobs for these tasks back."""
        for job in await self._for(task_ids):
            await asyncio.to_thread(job.delete)

    async def _of(self, organization_id: UUID) -> list[Job]:
        return [job for job in await self._jobs() if job.args and job.args[0] == str(organization_id)]

    async def _for(self, task_ids: Collection[UUID]) -> list[Job]:
        wanted = {str(task_id) for task_id in task_ids}
        return [job for job in await self._jobs() if len(job.args) > 1 and job.args[1] in wanted] if wanted else []

    async def _jobs(self) -> list[Job]:
        try:
            return await asyncio.to_thread(lambda: self._queue.jobs)
        except redis.RedisError as error:
            raise ProviderUnavailableError("The queue does not answer.", next_step="Check Redis.") from error
