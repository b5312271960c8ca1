"""How do several processors read one long file?

The limited process forks copies of itself. Each has the same limits, confinement and folder, reads
a run of pages, and hands them back through a pipe; all of them end with the session they belong to.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any, Never

LONG = 40
"""Pages from which on forking pays."""
MOST = 4


def processes() -> int:
    """How many copies may work at once; one where threads run, for a fork would leave their locks behind."""
    return min(len(os.sched_getaffinity(0)), MOST) if threading.active_count() == 1 else 1


def read_side_by_side(count: int, read: Callable[[range], Sequence[Any]], ways: int) -> list[Any]:
    """What ``read`` gives for the numbers 1 to ``count``, in order; plain data, as JSON has it.

    A copy that is ended by a signal ends this process by the same one: whoever started it tells the reason from that.

    Raises:
        MemoryError: A copy ran out of it.
        RuntimeError: ``read`` raised something else in a copy.
        Exception: Whatever it raised here.
    """
    if count < LONG or ways < 2:
        return list(read(range(1, count + 1)))
    size = -(-count // ways)
    mine, *others = [range(first, min(first + size, count + 1)) for first in range(1, count + 1, size)]
    copies = [_Copy(read, part) for part in others]
    try:
        found = list(read(mine))
        for copy in copies:
            found += copy.result()
        return found
    finally:
        for copy in copies:
            copy.end()


class _Copy:
    """A forked process and the pipe its pages come through."""

    def __init__(self, read: Callable[[range], Sequence[Any]], part: range) -> None:
        self._answers, write = os.pipe()
        self._pid: int | None = os.fork()
        if self._pid == 0:
            os.close(self._answers)
            _work(read, part, write)
        os.close(write)

    def result(self) -> Sequence[Any]:
        """All pages, once there are all."""
        with os.fdopen(os.dup(self._answers), "rb") as pipe:
            told = pipe.read()
        code = self._reap()
        if code < 0:
            with contextlib.suppress(OSError):  # that of SIGKILL is what it is
                signal.signal(-code, signal.SIG_DFL)
            os.kill(os.getpid(), -code)
        answer = json.loads(told)
        if "pages" not in answer:
            raise MemoryError if answer["failure"] == MemoryError.__name__ else RuntimeError(answer["failure"])
        pages: Sequence[Any] = answer["pages"]
        return pages

    def end(self) -> None:
        """Leave nothing behind."""
        os.close(self._answers)
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._reap()

    def _reap(self) -> int:
        assert self._pid is not None
        _, status = os.waitpid(self._pid, 0)
        self._pid = None
        return os.waitstatus_to_exitcode(status)


def _work(read: Callable[[range], Sequence[Any]], part: range, write: int) -> Never:
    try:
        try:
            told = json.dumps({"pages": read(part)}).encode()
        except Exception as error:
            told = json.dumps({"failure": type(error).__name__}).encode()
        with os.fdopen(write, "wb") as pipe:
            pipe.write(told)
    finally:
        os._exit(0)
