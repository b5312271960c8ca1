"""Where do generated passwords live? In files that only the owner can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def read_or_create(path: Path) -> str:
    """The secret in a file; a new random one is put there when the file is absent or empty."""
    if path.exists() and (known := path.read_text(encoding="utf-8").strip()):
        return known
    secret = secrets.token_urlsafe(32)
    write_owner_only(path, secret + "\n")
    return secret


def write_owner_only(path: Path, text: str) -> None:
    """Replace a file in one step with one that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)
