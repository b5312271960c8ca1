"""Who does the work that jobs wake a process for?

One event loop, one pool of connections and one model per process, in a thread of its own, beside RQ's loop in the main
thread.
"""

from __future__ import annotations

import asyncio
import threading

from core.background import end
from services.worker.container import open_worker
from services.worker.dispatcher import Dispatcher


class Resident:
    """The worker's event loop."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._dispatcher: Dispatcher | None = None
        self._stop: asyncio.Event | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="resident", daemon=True)

    def start(self) -> None:
        """Open everything; returns when there is somebody to wake.

        Raises:
            KnowledgeFoundryError: Something it needs is missing.
        """
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            raise self._error

    def wake(self) -> None:
        """There may be something to do."""
        if self._loop is None or self._dispatcher is None:
            raise RuntimeError("the resident loop is not running")
        self._loop.call_soon_threadsafe(self._dispatcher.wake)

    def stop(self) -> None:
        """Finish the tasks in hand, then close everything."""
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._error = error
            if self._ready.is_set():
                raise
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with open_worker() as worker:
            self._dispatcher = worker.dispatcher
            serving = asyncio.create_task(worker.dispatcher.serve(), name="dispatcher")
            self._ready.set()
            await self._stop.wait()
            # What is in hand is read to its end when the worker closes.
            await end(serving)


_current: list[Resident] = []


def install(resident: Resident) -> None:
    """Make this the process's resident; RQ calls jobs by name and can hand them nothing."""
    _current[:] = [resident]


def resident() -> Resident:
    """The process's resident.

    Raises:
        RuntimeError: The job runs outside a worker.
    """
    if not _current:
        raise RuntimeError("jobs run in a worker process only: python -m jobs.worker")
    return _current[0]
