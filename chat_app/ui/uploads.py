"""What happens to files dropped into the conversation?"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from chainlit.session import WebsocketSession
from chainlit.types import FileReference

from chat_app.ui.caller import ChatCaller
from chat_app.ui.elements import Refused
from core.errors import KnowledgeFoundryError
from core.states import DocumentStatus, TaskStatus
from services.bootstrap import Services
from services.views.uploads import Receipt

BLOCK = 1 << 18
POLL_S = 0.3


class Dropped(NamedTuple):
    """A file as Chainlit keeps it for a session."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of dropped files."""

    receipts: tuple[Receipt, ...]
    refused: tuple[Refused, ...]

    @property
    def task_ids(self) -> tuple[UUID, ...]:
        """The receipts' ids."""
        return tuple(receipt.task_id for receipt in self.receipts)

    @property
    def names(self) -> dict[UUID, str]:
        """Which file each receipt is about."""
        return {receipt.task_id: receipt.filename for receipt in self.receipts}


def keep_empty_files() -> None:
    """Have Chainlit keep files without content, so that they too are handed in and refused with the reason.

    It fails over them instead, and its page can only say that the upload failed.
    """
    keep = WebsocketSession.persist_file
    if hasattr(keep, "__wrapped__"):
        return

    @functools.wraps(keep)
    async def persist_file(
        session: WebsocketSession, name: str, mime: str, path: str | None = None, content: bytes | str | None = None
    ) -> FileReference:
        nothing = path is None and content is not None and not content
        return await keep(session, name, mime, os.devnull if nothing else path, content)

    WebsocketSession.persist_file = persist_file  # type: ignore[method-assign,assignment]  # there is no door for this


async def take_in(services: Services, who: ChatCaller, files: Sequence[Dropped]) -> TakenIn:
    """Hand every file to ingestion; a bad one does not keep the others out."""
    receipts: list[Receipt] = []
    refused: list[Refused] = []
    for file in files:
        try:
            receipts.append(
                await services.ingestion.upload(
                    who.principal, filename=file.name, chunks=_blocks(file.path), client=who.client
                )
            )
        except KnowledgeFoundryError as error:
            refused.append(Refused(file.name, error.message, error.next_step))
    return TakenIn(tuple(receipts), tuple(refused))


async def until_read(services: Services, who: ChatCaller, taken: TakenIn) -> frozenset[UUID]:
    """Wait until every file and all that lies in it is ready or has failed; the documents that are ready."""
    waiting = {receipt.task_id: receipt for receipt in taken.receipts if not receipt.unchanged}
    ready = {receipt.document_id for receipt in taken.receipts if receipt.unchanged}
    while waiting:
        await asyncio.sleep(POLL_S)
        for task_id in list(waiting):
            receipt = await services.tasks.receipt(who.principal, task_id)
            if receipt.status is TaskStatus.COMPLETED:
                ready.add(receipt.document_id)
            if receipt.status in {TaskStatus.COMPLETED, TaskStatus.FAILED}:
                del waiting[task_id]
    while True:
        states = await services.documents.states_with_parts(who.principal, frozenset(ready))
        if not any(state in (DocumentStatus.PENDING, DocumentStatus.INDEXING) for state in states.values()):
            return frozenset(found for found, state in states.items() if state is DocumentStatus.READY)
        await asyncio.sleep(POLL_S)


async def _blocks(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while block := await asyncio.to_thread(file.read, BLOCK):
            yield block
