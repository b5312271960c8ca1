"""How are a question's candidates judged in batches, off the event loop?"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from core.errors import ProviderError, ProviderUnavailableError
from core.types import Candidate, Health, PluginStatus
from plugins.interfaces import PluginContext
from plugins.reranker.cross_encoder.onnx_model import OnnxPairModel
from plugins.reranker.cross_encoder.options import CrossEncoderOptions
from plugins.reranker.cross_encoder.torch_model import TorchPairModel
from plugins.reranker.ranking import encodable, passage_of, ranked

SERVICE = "The cross-encoder"
MAX_THREADS = 4
_HEALTH_TIMEOUT_S = 4.0
_Result = TypeVar("_Result")


class PairModel(Protocol):
    """A loaded model; called in threads, several at a time."""

    def load(self) -> None:
        """Read the files."""

    def logits(self, query: str, passages: Sequence[str]) -> npt.NDArray[np.float64]:
        """One number per passage, shape ``(n,)``, before any activation."""


class CrossEncoderReranker:
    """Batches of like length, on threads of its own: other work of the process keeps its threads."""

    Options = CrossEncoderOptions

    def __init__(self, options: CrossEncoderOptions, context: PluginContext) -> None:
        del context
        self._options = options
        self._threads = options.threads or min(os.cpu_count() or 1, MAX_THREADS)
        self._model: PairModel = OnnxPairModel(options) if options.backend == "onnx" else TorchPairModel(options)
        self._executor: ThreadPoolExecutor | None = None
        # Nothing queues up in the executor: whoever waits for a thread waits here, and can be cancelled.
        self._free = asyncio.Semaphore(self._threads)

    async def start(self) -> None:
        self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="cross-encoder")
        await self._in_thread(self._model.load)
        await self._in_thread(partial(self._model.logits, "health", ["health"]))

    async def close(self) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)

    async def health_check(self) -> Health:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(_HEALTH_TIMEOUT_S):
                logits = await self._in_thread(partial(self._model.logits, "health", ["health"]))
        except TimeoutError:
            return Health(PluginStatus.DEGRADED, f"{SERVICE} is too busy to answer within {_HEALTH_TIMEOUT_S:g} s.")
        except ProviderError as error:
            return Health(PluginStatus.BROKEN, str(error))
        latency_ms = (time.perf_counter() - started) * 1000
        if not np.isfinite(logits).all():
            return Health(PluginStatus.BROKEN, f"{SERVICE} gives no numbers.", latency_ms)
        return Health(PluginStatus.HEALTHY, latency_ms=latency_ms)

    async def rerank(self, query: str, chunks: Sequence[Candidate], top_k: int) -> list[Candidate]:
        if not chunks or top_k < 1:
            return []
        passages = [passage_of(candidate) for candidate in chunks]
        try:
            async with asyncio.timeout(self._options.timeout_s) as limit:
                logits = await self._judged(encodable(query), passages)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise ProviderUnavailableError(
                f"{SERVICE} took longer than {self._options.timeout_s:g} s.",
                next_step="Rerank fewer candidates, or raise timeout_s.",
            ) from error
        scores = logits if self._options.activation == "identity" else _sigmoid(logits)
        return ranked(chunks, dict(enumerate(scores.tolist())), top_k, SERVICE)

    async def _judged(self, query: str, passages: Sequence[str]) -> npt.NDArray[np.float64]:
        logits = np.full(len(passages), np.nan)
        batches = _batches(passages, self._options.batch_size)

        async def work() -> None:
            for batch in batches:
                texts = [passages[position] for position in batch]
                logits[batch] = await self._in_thread(partial(self._model.logits, query, texts))

        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(min(self._threads, len(passages))):
                    workers.create_task(work())
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        return logits

    async def _in_thread(self, call: Callable[[], _Result]) -> _Result:
        # Cancelling returns at once; what a thread has begun ends by itself after one batch, and is busy until then.
        await self._free.acquire()
        try:
            if self._executor is None:
                raise ProviderUnavailableError(f"{SERVICE} was not started, or was closed.")
            running = self._executor.submit(call)
        except BaseException:
            self._free.release()
            raise
        loop = asyncio.get_running_loop()
        running.add_done_callback(lambda _: _tell(loop, self._free.release))
        return await asyncio.wrap_future(running)


def _batches(passages: Sequence[str], size: int) -> Iterator[list[int]]:
    """Positions to judge together: texts of like length need little padding, and the longest come first."""
    order = sorted(range(len(passages)), key=lambda position: -len(passages[position]))
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _tell(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    # A loop that is closed has nobody left who waits.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(call)


def _sigmoid(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # Through tanh, which does not overflow. In double precision numbers up to about 36 stay apart.
    return 0.5 * (1.0 + np.tanh(logits / 2.0))
