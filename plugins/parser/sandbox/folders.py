"""Where do limited processes keep their temporary files, and who removes them?

The parent does: it makes and removes the folder of each file, however its reader ended. A parent that is killed removes
nothing, so each holds a lock on its own folder, and the next one that starts removes those whose lock is free.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
import stat
import tempfile
from pathlib import Path

from plugins.parser.sandbox.confinement import SOCKETS

LOCK = ".lock"


def default_base() -> Path:
    """One folder for all pools of this user, which nobody else may enter."""
    return Path(tempfile.gettempdir()) / f"foundry-parsing-{os.getuid()}"


class PoolFolder:
    """A pool's own folder below the base, locked while the pool lives."""

    def __init__(self, base: Path) -> None:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = base.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise PermissionError(f"{base} belongs to somebody else; remove it or set TMPDIR to a folder of your own.")
        base.chmod(0o700)
        _remove_abandoned(base)
        self.path = Path(tempfile.mkdtemp(prefix="pool-", dir=base))
        self._lock = os.open(self.path / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def new(self) -> Path:
        """The folder of one process, mode 0700."""
        return Path(tempfile.mkdtemp(prefix="reader-", dir=self.path))

    def remove(self) -> None:
        """With everything in it."""
        remove_sockets()
        os.close(self._lock)
        shutil.rmtree(self.path, ignore_errors=True)


def lay_out(folder: Path, source: Path, name: str) -> Path:
    """A copy of a stored file under a name of ours, alone in a new folder: what reads it cannot touch the original."""
    place = folder / "file"
    place.mkdir(mode=0o700)
    shutil.copyfile(source, place / name)
    return place / name


def clear(folder: Path) -> None:
    """Remove everything in a folder, and what stands in its stead elsewhere."""
    remove_sockets()
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def remove_sockets() -> None:
    """What LibreOffice leaves in /tmp when it was killed or may not remove it: sockets of ours that nobody answers."""
    for path in Path(SOCKETS).glob("OSL_PIPE_*"):
        try:
            found = path.lstat()
            if stat.S_ISSOCK(found.st_mode) and found.st_uid == os.getuid() and _is_dead(path):
                path.unlink(missing_ok=True)
        except OSError:
            # Removed by its owner at this moment.
            continue


def _is_dead(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        return probe.connect_ex(str(path)) == errno.ECONNREFUSED


def _remove_abandoned(base: Path) -> None:
    for pool in base.glob("pool-*"):
        try:
            lock = os.open(pool / LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            # Being made, or being removed, by another pool at this moment.
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        else:
            shutil.rmtree(pool, ignore_errors=True)
        finally:
            os.close(lock)
