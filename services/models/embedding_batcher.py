"""How do several documents share one embedding model?

What they ask for while a run is under way is embedded together in the next one: the model sorts it by length, and ten
documents of a few lines cost little more than one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import numpy as np

from core.errors import KnowledgeFoundryError
from core.types import Vector
from plugins.interfaces import EmbeddingProvider

AT_ONCE = 128
"""Texts in one run; more would let a short document wait for long ones."""
RUNS = 2
"""At the same time: while one fills the cores, the next one's texts are cut into tokens."""

_Request = tuple[Sequence[str], "asyncio.Future[Vector]"]


class SharedEmbedding:
    """One embedding model for everybody who asks; the oldest and the shortest passages are next."""

    def __init__(self, embedding: EmbeddingProvider) -> None:
        self._embedding = embedding
        self._waiting: deque[_Request] = deque()
        self._running: set[asyncio.Task[None]] = set()

    def order(self, texts: Sequence[str]) -> asyncio.Future[Vector]:
        """``(n, dim)`` vectors of the texts, in the future; who wants them no more cancels it.

        It fails with KnowledgeFoundryError when the model does not answer, or not to these texts.
        """
        result: asyncio.Future[Vector] = asyncio.get_running_loop().create_future()
        self._waiting.append((texts, result))
        if len(self._running) < RUNS:
            task = asyncio.create_task(self._run())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return result

    async def _run(self) -> None:
        while requests := self._next():
            try:
                vectors = await self._embedding.embed_batch([text for texts, _ in requests for text in texts])
            except KnowledgeFoundryError as error:
                await self._one_by_one(requests, error)
            except Exception as error:  # whatever a plugin raises; those who wait for the next run must still get it
                _fail(requests, error)
            except asyncio.CancelledError as error:
                _fail([*requests, *self._waiting], error)
                raise
            else:
                _share_out(requests, vectors)

    def _next(self) -> list[_Request]:
        """The oldest request, and the smallest of the others that fit into one run beside it.

        So nobody waits for ever, and a few lines ride along with the next part of a long document. Those that nobody
        waits for any more are left out.
        """
        waiting = [request for request in self._waiting if not request[1].done()]
        taken, room = waiting[:1], AT_ONCE - sum(len(texts) for texts, _ in waiting[:1])
        for request in sorted(waiting[1:], key=lambda request: len(request[0])):
            room -= len(request[0])
            if room < 0:
                break
            taken.append(request)
        chosen = {id(request) for request in taken}
        self._waiting = deque(request for request in waiting if id(request) not in chosen)
        return taken

    async def _one_by_one(self, requests: Sequence[_Request], error: KnowledgeFoundryError) -> None:
        """What one document cannot have embedded is not the trouble of the others."""
        if len(requests) == 1:
            _fail(requests, error)
            return
        for request in requests:
            try:
                vectors = await self._embedding.embed_batch(request[0])
            except KnowledgeFoundryError as own:
                _fail([request], own)
            else:
                _share_out([request], vectors)


def _share_out(requests: Sequence[_Request], vectors: Vector) -> None:
    ends = np.cumsum([len(texts) for texts, _ in requests])
    for (_, result), part in zip(requests, np.split(vectors, ends[:-1]), strict=True):
        if not result.done():
            result.set_result(part)


def _fail(requests: Sequence[_Request], error: BaseException) -> None:
    for _, result in requests:
        if not result.done():
            if isinstance(error, asyncio.CancelledError):
                result.cancel()
            else:
                result.set_exception(error)
