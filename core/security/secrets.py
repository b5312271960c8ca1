"""How are secrets kept in files, and shown without being shown?"""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from pathlib import Path
from typing import Final

from core.errors import ConfigurationError

_MAX_SIZE_BYTES: Final = 64 * 1024


def mask(secret: str) -> str:
    """A secret as people may see it: ``••••`` and its last four characters, or nothing of a short one."""
    return f"••••{secret[-4:]}" if len(secret) >= 16 else "••••"


def read_secret_file(path: Path) -> str:
    """The content of a file that only its owner can read, without surrounding white space.

    Ownership, rights and content are taken from the same open file, so it cannot be exchanged in between.

    Raises:
        ConfigurationError: Absent, not a regular file, open to others, another user's, empty, too large or not text.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise ConfigurationError(f"The secret file {path} cannot be read: {error.strerror}.") from error
    try:
        _require_private(path, os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(_MAX_SIZE_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > _MAX_SIZE_BYTES:
        raise ConfigurationError(f"The secret file {path} is larger than {_MAX_SIZE_BYTES} bytes.")
    try:
        secret = content.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"The secret file {path} is not UTF-8 text.") from error
    if not secret:
        raise ConfigurationError(f"The secret file {path} is empty.")
    return secret


def read_or_create_secret_file(path: Path) -> str:
    """The secret in a file; where there is no file, a new one of 256 random bits is put there first.

    An empty file is refused, not filled: whatever once knew its secret would not know the new one.

    Raises:
        ConfigurationError: It is there, but see ``read_secret_file``.
    """
    if not os.path.lexists(path):
        write_secret_file(path, secrets.token_urlsafe(32))
    return read_secret_file(path)


def _require_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"The secret file {path} is not a regular file.")
    if os.name != "posix":  # pragma: no cover - rights on Windows are lists, not bits; there the folder protects
        return
    if status.st_uid not in (os.geteuid(), 0):
        raise ConfigurationError(f"The secret file {path} belongs to another user.")
    if status.st_mode & 0o077:
        raise ConfigurationError(
            f"The secret file {path} can be read by others (mode {stat.S_IMODE(status.st_mode):o}).",
            next_step=f"chmod 600 {path}",
        )


def write_secret_file(path: Path, secret: str) -> None:
    """Put a secret into a file only its owner can read; readers see the old content or the new, never a part.

    The folder is made with owner-only rights when absent. The file survives a power cut once this returns.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp creates with mode 0600, so there is no moment in which the secret lies open.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
