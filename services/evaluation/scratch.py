"""Where is it measured? In an organisation of its own, through the real upload and the real workers."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import func, select

from core.errors import ValidationError
from core.identity import Principal, Role
from core.states import TaskStatus
from db.models import Task
from services.audit import ClientInfo
from services.bootstrap import Services
from services.setup import create_organization

CLIENT = ClientInfo(user_agent="foundry eval")
POLL_S, SLOWEST_POLL_S = 0.2, 1.0
Progress = Callable[[int, int], None]
"""Is told how many are done, of how many."""


def nobody(done: int, total: int) -> None:
    """Nobody watches."""


@asynccontextmanager
async def scratch_organization(services: Services, *, keep: bool) -> AsyncIterator[Principal]:
    """An organisation of its own with room for any set; emptied afterwards unless it is kept."""
    name = f"evaluation-{secrets.token_hex(4)}"
    user = await create_organization(
        services.database,
        name=name,
        email=f"{name}@evaluation.example",
        password=secrets.token_urlsafe(24),
        role=Role.ADMIN,
        max_users=5,
        max_documents=10_000_000,
    )
    principal = Principal(user.id, user.organization_id, Role.ADMIN, user.email)
    try:
        yield principal
    finally:
        if not keep:
            await _empty(services, principal)


async def _empty(services: Services, principal: Principal) -> None:
    while page := (await services.documents.list_page(principal, limit=200)).items:
        for document in page:
            await services.documents.delete(principal, document.id, client=CLIENT)


async def load_texts(
    services: Services, principal: Principal, texts: Mapping[str, bytes], *, progress: Progress = nobody
) -> float:
    """Hand everything in, wait for the workers, and return texts per second.

    The organisation must have nothing else to be read: what is left is counted.

    Raises:
        ValidationError: One of them was not read.
    """
    started = time.perf_counter()
    handed_in: dict[UUID, str] = {}
    for name, content in texts.items():
        receipt = await services.ingestion.upload(principal, filename=name, chunks=_once(content), client=CLIENT)
        handed_in[receipt.task_id] = name
    pause = POLL_S
    while left := await _unread(services, principal, handed_in):
        progress(max(0, len(handed_in) - left), len(handed_in))
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, SLOWEST_POLL_S)
    progress(len(handed_in), len(handed_in))
    return len(texts) / (time.perf_counter() - started)


async def _unread(services: Services, principal: Principal, handed_in: Mapping[UUID, str]) -> int:
    """How many are still to be read, in two statements however many there are."""
    failed = select(Task.id, Task.error_message).where(Task.status == TaskStatus.FAILED.value)
    unended = select(func.count(Task.id)).where(Task.status.in_((TaskStatus.QUEUED.value, TaskStatus.RUNNING.value)))
    async with services.database.transaction(principal.organization_id) as session:
        for task_id, error in await session.execute(failed):
            if task_id in handed_in:
                raise ValidationError(f"{handed_in[task_id]} was not read: {error}")
        return int(await session.scalar(unended) or 0)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
