"""How is the engine inside Chroma's library used? In a process of its own, one call after the other."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from core.errors import ConfigurationError, ProviderError, ProviderUnavailableError
from plugins.vector_db.chroma import worker
from plugins.vector_db.chroma.engine import SERVICE, Near, Rows, Shape, Where
from plugins.vector_db.chroma.options import MEMORY, ChromaOptions
from plugins.vendors.upstream import translated

_START_S: Final = 60.0
_CLOSE_S: Final = 4.0


class ChromaEmbedded:
    """An ``Engine`` in a process of its own, in a folder or in memory.

    A call that was cancelled or took too long runs to its end there, unheard.
    """

    def __init__(self, options: ChromaOptions, data_dir: Path) -> None:
        self._folder = None if options.persist_directory == MEMORY else data_dir / options.persist_directory
        self._timeout_s = options.timeout_s
        self._batch = options.upsert_batch
        self._process: ProcessPoolExecutor | None = None
        self._pid: int | None = None

    async def open(self) -> None:
        """See ``Engine``.

        Raises:
            ConfigurationError: Another process has the folder open, or the library is not installed.
        """
        if find_spec("chromadb") is None:
            raise ConfigurationError(
                "Chroma's own engine needs the package chromadb, which is not installed.",
                next_step="Install the extra `chroma`, or name a server.",
            )
        # The process that forks the others imports the library once; a fork of this one would inherit its threads.
        context = get_context("forkserver")
        context.set_forkserver_preload(["chromadb", worker.__name__])
        self._process = ProcessPoolExecutor(1, context, initializer=worker.begin)
        self._pid, largest = await self._within(_START_S, "open", self._folder)
        self._batch = min(self._batch, largest)

    async def check(self, timeout_s: float) -> None:
        await self._within(timeout_s, "check")

    async def find(self, name: str) -> Shape | None:
        shape: Shape | None = await self._call("find", name)
        return shape

    async def create(self, name: str, metadata: Mapping[str, Any], search_ef: int) -> None:
        await self._call("create", name, dict(metadata), search_ef)

    def batch(self, vector_size: int) -> int:
        return self._batch

    async def upsert(self, collection: str, rows: Rows) -> None:
        await self._call("upsert", collection, rows)

    async def query(self, collection: str, vector: list[float], limit: int, where: Where) -> list[Near]:
        near: list[Near] = await self._call("query", collection, vector, limit, where)
        return near

    async def count(self, collection: str, where: Where, limit: int, offset: int) -> int:
        rows: int = await self._call("count", collection, where, limit, offset)
        return rows

    async def delete(self, collection: str, where: Where) -> None:
        await self._call("delete", collection, where)

    async def delete_ids(self, collection: str, ids: Sequence[str]) -> None:
        await self._call("delete_ids", collection, list(ids))

    async def close(self) -> None:
        if self._process is None:
            return
        try:
            if self._pid is not None:
                await self._within(_CLOSE_S, "close")
        except ProviderError:
            # What it was doing can be done again; the folder's database survives this.
            with suppress(ProcessLookupError):
                os.kill(self._pid or 0, signal.SIGKILL)
        finally:
            process, self._process = self._process, None
            await asyncio.to_thread(process.shutdown, wait=True, cancel_futures=True)

    async def _call(self, operation: str, *arguments: Any) -> Any:
        return await self._within(self._timeout_s, operation, *arguments)

    async def _within(self, seconds: float, operation: str, *arguments: Any) -> Any:
        if self._process is None:
            raise ProviderError("The vector store is closed.")
        with translated(SERVICE, foreign=True):
            try:
                async with asyncio.timeout(seconds):
                    loop = asyncio.get_running_loop()
                    return await loop.run_in_executor(self._process, worker.call, operation, *arguments)
            except BrokenProcessPool as error:
                raise ProviderUnavailableError(
                    f"The process of {SERVICE}'s engine ended.", next_step="It comes back when plugins are built anew."
                ) from error
