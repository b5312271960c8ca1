"""Is somebody else at work on this data folder?

The kernel's file lock is the truth: it goes with the process that holds it, however that ends. The process id in the
file is only for people, and for recognising that the last run did not end cleanly.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigurationError

LOCK_NAME = "foundry.lock"


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that is held.

    Attributes:
        left_by: Process id of a run that ended without cleaning up, or None.
    """

    path: Path
    left_by: int | None


@contextmanager
def only_instance(data_dir: Path) -> Iterator[Lock]:
    """Hold the lock of a data folder.

    Raises:
        ConfigurationError: Another process holds it; the message says which.
    """
    path = data_dir / LOCK_NAME
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        written = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        if not _try_lock(descriptor):
            raise ConfigurationError(
                f"Knowledge Foundry runs already on the folder {data_dir}{_who(written)}.",
                next_step="Stop it there with Ctrl-C, or use another folder: foundry up --data-dir FOLDER.",
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        try:
            yield Lock(path, left_by=int(written) if written.isdigit() else None)
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        # The file stays: deleting it would let two processes lock two files of the same name.
        os.close(descriptor)


def holder(data_dir: Path) -> int | None:
    """Process id of the run that holds the lock now, or None; 0 when it is not known."""
    path = data_dir / LOCK_NAME
    if not path.exists():
        return None
    descriptor = os.open(path, os.O_RDWR)
    try:
        if _try_lock(descriptor):
            return None
        written = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        return int(written) if written.isdigit() else 0
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _who(written: str) -> str:
    return f", as process {written}" if written.isdigit() else ""
