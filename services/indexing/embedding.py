"""How do the chunks of a version get their vectors, each once, even when the worker dies amid them?

Batch by batch: embedded, stored, noted in the task's row. Whoever takes the task over goes on behind the last note.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np

from core.crash_points import crash_point
from core.states import IngestionStage
from core.types import SparseVector, Vector, VectorPayload
from db.repositories.kept_vectors import KeptVectorsRepository
from db.unit_of_work import Database
from services.models.embedding_batcher import SharedEmbedding
from services.search_index.indexes import Index, Indexes
from services.search_index.vectors import probe, probe_positions, store_vectors
from services.tasks.progress import Checkpoint, PagesRead, TaskProgress

BATCH = 64
ORDERED = 2
"""Batches of one document that the model has in hand or waiting."""
FIRST_PERCENT, LAST_PERCENT = 35, 90

Stored = Callable[[Sequence[Index], int], Awaitable[None]]
"""Is told which indexes have the vectors of so many of the first chunks."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """Chunks as they go into the indexes.

    Attributes:
        pages_of: How many pages the first so many chunks tell all of, and how many there are.
    """

    payload: VectorPayload
    ids: Sequence[UUID]
    texts: Sequence[str]
    sparse: Sequence[SparseVector]
    pages_of: Callable[[int], PagesRead]

    def key(self, model: str) -> str:
        """Digest of everything the vectors come from."""
        digest = hashlib.sha256(model.encode())
        for chunk_id, text in zip(self.ids, self.texts, strict=True):
            digest.update(chunk_id.bytes + text.encode("utf-8", "replace"))
        return digest.hexdigest()


@dataclass(slots=True)
class VersionVectors:
    """Vectors of one version's chunks, made and stored."""

    database: Database
    indexes: Indexes
    embedding: SharedEmbedding
    model: str
    progress: TaskProgress
    _kept: dict[int, Vector] = field(default_factory=dict)

    async def store(self, chunks: Indexed, stored: Stored | None = None) -> tuple[Index, ...]:
        """Write what is not written yet. Returns the indexes that have all of it.

        Args:
            stored: Is told after each batch but the last.

        Raises:
            KnowledgeFoundryError: The model or the primary store does not answer.
        """
        key = chunks.key(self.model)
        done = self.progress.checkpoint(key)
        written = {str(index.id) for index in self.indexes.written}
        if done is None or not written <= set(done.indexes):
            done = Checkpoint(key, 0, tuple(written))
        ahead = _Ahead(self.embedding, chunks.texts, done.chunks)
        try:
            while done.chunks < len(chunks.ids):
                done = await self._batch(chunks, done, ahead)
                if stored is not None and done.chunks < len(chunks.ids):
                    await stored(self._having(done), done.chunks)
        finally:
            ahead.forget()
        return self._having(done)

    def _having(self, done: Checkpoint) -> tuple[Index, ...]:
        return tuple(index for index in self.indexes.written if str(index.id) in done.indexes)

    async def _batch(self, chunks: Indexed, done: Checkpoint, ahead: _Ahead) -> Checkpoint:
        part = slice(done.chunks, done.chunks + BATCH)
        percent = FIRST_PERCENT + (LAST_PERCENT - FIRST_PERCENT) * done.chunks // len(chunks.ids)
        await self.progress.enter(IngestionStage.EMBEDDING, percent)
        crash_point("embed.batch")
        vectors = await ahead.next()
        await self.progress.enter(IngestionStage.INDEXING, percent)
        crash_point("vectors.batch")
        reached = await store_vectors(self.indexes, chunks.payload, chunks.ids[part], vectors, chunks.sparse[part])
        crash_point("vectors.stored")
        for position in probe_positions(len(chunks.ids)):
            if done.chunks <= position < done.chunks + len(vectors):
                self._kept[position] = vectors[position - done.chunks]
        still = {str(index.id) for index in reached}
        now = Checkpoint(done.key, done.chunks + len(vectors), tuple(one for one in done.indexes if one in still))
        organization = chunks.payload.organization_id
        async with self.database.transaction(organization) as session:
            percent = FIRST_PERCENT + (LAST_PERCENT - FIRST_PERCENT) * now.chunks // len(chunks.ids)
            await self.progress.reached(session, now, chunks.pages_of(now.chunks), percent)
            kept = KeptVectorsRepository(session)
            if not done.chunks:
                await kept.forget(chunks.payload.version_id)
            version = (organization, chunks.payload.version_id)
            await kept.add(version, done.chunks, self.model, chunks.ids[part], vectors)
        crash_point("checkpoint.written")
        return now

    async def probe(self, chunks: Indexed) -> None:
        """Ready means that a search finds it.

        Raises:
            ConflictError: It does not.
        """
        positions = probe_positions(len(chunks.ids))
        missing = [position for position in positions if position not in self._kept]
        if missing:
            vectors = await self.embedding.order([chunks.texts[position] for position in missing])
            self._kept.update(zip(missing, vectors, strict=True))
        wanted = np.stack([self._kept[position] for position in positions])
        await probe(self.indexes.primary, chunks.payload, [chunks.ids[position] for position in positions], wanted)


class _Ahead:
    """The batches of a text, embedded in order and one ahead: while one is stored, the model works at the next."""

    def __init__(self, embedding: SharedEmbedding, texts: Sequence[str], first: int) -> None:
        self._embedding = embedding
        self._texts = texts
        self._next = first
        self._ordered: deque[asyncio.Future[Vector]] = deque()

    async def next(self) -> Vector:
        """Vectors of the next batch.

        Raises:
            KnowledgeFoundryError: The model does not answer.
        """
        while len(self._ordered) < ORDERED and self._next < len(self._texts):
            self._ordered.append(self._embedding.order(self._texts[self._next : self._next + BATCH]))
            self._next += BATCH
        return await self._ordered.popleft()

    def forget(self) -> None:
        """Nobody waits for what was ordered and is not there yet."""
        for result in self._ordered:
            if not result.cancel() and not result.cancelled():
                result.exception()  # looked at, so that nobody complains of it
