"""How do files inside a file leave the limited process?

The process writes each into a folder beside its file, within bounds; the parent, which trusts nothing there, opens
plain files only and lets somebody take them before the folder is removed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from core.errors import DocumentError
from core.security import content_type
from core.types import EmbeddedFile, EmbeddedFileKind

FOLDER = "parts"
BLOCK = 1 << 20
TOO_MANY = "there are too many"
DAMAGED = "it is damaged"
SIGN_BYTES = 20_000


@dataclass(frozen=True, slots=True)
class EmbeddedFileLimits:
    """Which parts are taken along, and how much of them.

    Attributes:
        most: Files.
        file_bytes: Of one.
        total_bytes: Of all.
        types: Patterns of MIME types.
    """

    kinds: frozenset[EmbeddedFileKind] = frozenset()
    most: int = 200
    file_bytes: int = 50_000_000
    total_bytes: int = 500_000_000
    types: tuple[str, ...] = ("*",)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "kinds": sorted(kind.value for kind in self.kinds)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> EmbeddedFileLimits:
        """The limits again."""
        kinds = frozenset(EmbeddedFileKind(kind) for kind in data["kinds"])
        return cls(**{**data, "kinds": kinds, "types": tuple(data["types"])})


NOTHING = EmbeddedFileLimits()
"""No kind of part is wanted."""


def write_out(parts: Sequence[EmbeddedFile], beside: Path, limits: EmbeddedFileLimits) -> list[list[str]]:
    """Write wanted parts into files named by their number. Returns (name, kind, file or "", problem) of every part."""
    folder = beside / FOLDER
    folder.mkdir()
    told, files, left = [], 0, limits.total_bytes
    for part in parts:
        file, problem = "", part.problem
        if part.content is not None and part.kind in limits.kinds:
            path = folder / str(files)
            problem = TOO_MANY if files == limits.most else _written(part, path, left, limits)
            if not problem and _is_sign(part, path):
                # The next part is written over it.
                continue
            if not problem:
                file, files, left = str(files), files + 1, left - path.stat().st_size
        told.append([part.name, part.kind.value, file, problem])
    return told


def _is_sign(part: EmbeddedFile, path: Path) -> bool:
    """Small pictures in mails are signatures and signs, not pages of text."""
    if part.kind is not EmbeddedFileKind.ATTACHED or path.stat().st_size >= SIGN_BYTES:
        return False
    return content_type.detect(path, part.name).startswith("image/")


def _written(part: EmbeddedFile, path: Path, left_bytes: int, limits: EmbeddedFileLimits) -> str:
    """Why not; nothing stays of a part that was not."""
    try:
        _write(part, path, min(left_bytes, limits.file_bytes))
        mime_type = content_type.detect(path, part.name)
    except MemoryError:
        raise
    except DocumentError as error:
        problem = error.message.rstrip(".")
    except Exception:  # whatever a library raises over what another program packed
        problem = DAMAGED
    else:
        if any(fnmatchcase(mime_type, pattern) for pattern in limits.types):
            return ""
        problem = f"Files of the type {mime_type} are not taken in here"
    path.unlink(missing_ok=True)
    return problem


def _write(part: EmbeddedFile, path: Path, limit_bytes: int) -> None:
    size = 0
    with path.open("wb") as file:
        for block in part.content() if part.content else ():
            size += len(block)
            if size > limit_bytes:
                raise DocumentError("It is too large.", failure_code="too_large", next_step="Upload it by itself.")
            file.write(block)


def read_back(told: Sequence[Sequence[str]], beside: Path, limits: EmbeddedFileLimits) -> tuple[EmbeddedFile, ...]:
    """The parts again; their content is there as long as the folder is."""
    parts = []
    for name, kind, file, problem in told:
        part = EmbeddedFile(name, EmbeddedFileKind(kind), problem=problem)
        if file.isascii() and file.isdigit():
            part = replace(part, content=partial(_blocks, beside / FOLDER, file, limits.file_bytes))
        parts.append(part)
    return tuple(parts)


def _blocks(folder: Path, name: str, limit_bytes: int) -> Iterator[bytes]:
    """A plain file that lies in that folder alone: no link leads out of it.

    Raises:
        DocumentError: It is something else.
    """
    try:
        descriptor = _opened(folder, name)
    except OSError as error:
        raise _changed() from error
    if not _is_ours(descriptor, limit_bytes):
        os.close(descriptor)
        raise _changed()
    with os.fdopen(descriptor, "rb") as file:
        while block := file.read(BLOCK):
            yield block


def _opened(folder: Path, name: str) -> int:
    inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=inside)
    finally:
        os.close(inside)


def _is_ours(descriptor: int, limit_bytes: int) -> bool:
    found = os.fstat(descriptor)
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_size <= limit_bytes


def _changed() -> DocumentError:
    return DocumentError(
        "It is not what was read.", failure_code="corrupt", next_step="Save it as a file and upload that."
    )
