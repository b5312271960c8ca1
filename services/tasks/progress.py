"""How far is a task, and how long did each stage take?"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from core.states import IngestionStage
from core.telemetry import METRICS
from core.types import JsonValue
from services.tasks.leases import Lease, LeaseKeeper

TELL_S = 0.5
"""Between two notes of progress in a task's row, at least."""
STAGES, CHECKPOINT, PAGES = "stages", "checkpoint", "pages"
"""Where a task keeps the seconds of each stage, which vectors are stored already, and of how many pages."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a worker that takes the task over need not do again.

    Attributes:
        key: Digest of all texts and of the model; another one and nothing of it counts.
        chunks: So many of the first chunks have their vectors.
        indexes: In these indexes, by id.
    """

    key: str
    chunks: int
    indexes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PagesRead:
    """So many of a document's pages are searchable."""

    done: int
    total: int

    def packed(self) -> dict[str, JsonValue]:
        """As JSON."""
        return {"done": self.done, "total": self.total}

    @classmethod
    def kept(cls, meta: Mapping[str, JsonValue], key: str) -> PagesRead | None:
        """What a row keeps; None when it keeps nothing."""
        found = meta.get(key)
        return cls(int(str(found["done"])), int(str(found["total"]))) if isinstance(found, dict) else None


class TaskProgress:
    """Notes for one attempt at a task, written under its lease."""

    def __init__(self, leases: LeaseKeeper, lease: Lease, meta: Mapping[str, JsonValue]) -> None:
        self.lease = lease
        self._leases = leases
        self._meta = dict(meta)
        self._stages: dict[str, JsonValue] = {}
        self._stage = IngestionStage.PARSING
        self._since = self._told = time.monotonic()

    async def enter(self, stage: IngestionStage, percent: int) -> None:
        """A stage begins; told in the row unless something was told a moment ago: a short text is ready before."""
        now = time.monotonic()
        self._note_time(now)
        self._stage = stage
        if now - self._told >= TELL_S:
            await self._leases.write(self.lease, stage=stage, progress=percent, meta=self.meta)
            self._told = now

    async def reached(self, session: AsyncSession, checkpoint: Checkpoint, pages: PagesRead, percent: int) -> None:
        """Vectors are stored up to here; written in the caller's transaction."""
        self._meta[PAGES] = pages.packed()
        self._meta[CHECKPOINT] = {
            "key": checkpoint.key,
            "chunks": checkpoint.chunks,
            "indexes": list(checkpoint.indexes),
        }
        await self._leases.write(self.lease, session, stage=self._stage, progress=percent, meta=self.meta)
        self._told = time.monotonic()

    async def start_over(self) -> None:
        """What is stored cannot be relied on: the next attempt begins with the first chunk."""
        self._meta.pop(CHECKPOINT, None)
        await self._leases.write(self.lease, meta=self.meta)

    def checkpoint(self, key: str) -> Checkpoint | None:
        """Where the attempt before got to, if it had the same to do."""
        kept = self._meta.get(CHECKPOINT)
        if not isinstance(kept, dict) or kept.get("key") != key:
            return None
        chunks, indexes = kept.get("chunks"), kept.get("indexes")
        if not isinstance(chunks, int) or not isinstance(indexes, list):
            return None
        return Checkpoint(key, chunks, tuple(str(index) for index in indexes))

    @property
    def meta(self) -> dict[str, JsonValue]:
        """What the task's row keeps."""
        return {**self._meta, STAGES: dict(self._stages)}

    def finished(self) -> dict[str, JsonValue]:
        """What it keeps at the end: nothing is left to be taken up again."""
        self._note_time(time.monotonic())
        return {key: value for key, value in self.meta.items() if key not in (CHECKPOINT, PAGES)}

    def count_seconds(self) -> None:
        """Tell the metrics how long each stage took, of a document that is ready."""
        for stage, seconds in self._stages.items():
            METRICS.ingestion_stage.labels(stage).observe(float(str(seconds)))

    def _note_time(self, now: float) -> None:
        before = self._stages.get(self._stage.value)
        spent = now - self._since + (before if isinstance(before, int | float) else 0.0)
        self._stages[self._stage.value] = round(spent, 3)
        self._since = now
