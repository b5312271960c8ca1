"""How do tests run a worker as production does, in a process of its own?"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from core.states import TaskStatus
from services.views.uploads import Receipt
from tests.fixtures.application import Department
from tests.support.waiting import until

WITHIN_S = 90


@asynccontextmanager
async def worker_process(environment: dict[str, str], log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker as production runs it."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "jobs.worker", env={**os.environ, **environment}, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 30)


async def receipts(department: Department) -> tuple[Receipt, ...]:
    return await department.services.tasks.list_tasks(department.principal, limit=200)


async def until_ended(department: Department, done: int) -> tuple[Receipt, ...]:
    """Wait until so many files have ended."""

    async def ended() -> tuple[Receipt, ...]:
        found = await receipts(department)
        enough = sum(receipt.status in {TaskStatus.COMPLETED, TaskStatus.FAILED} for receipt in found) >= done
        return found if enough else ()

    return await until(ended, within_s=WITHIN_S)
