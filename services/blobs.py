"""Where do the bytes of documents lie?

Content-addressed, one folder per organisation: ``<root>/<organisation>/<two digits>/<sha256>``. A file appears whole
or not at all: temporary file, fsync, rename, fsync of the folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from core.crash_points import crash_point
from core.errors import ConfigurationError, DocumentError, NotFoundError, ProviderUnavailableError

MEGABYTE = 1_000_000
INCOMING = ".incoming-"
UNFINISHED_S = 24 * 3600.0
"""No upload takes so long; what is older was left behind."""


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A file that is safely on disk; ``path`` is relative to the store."""

    sha256: str
    size_bytes: int
    path: str


class BlobStore:
    """Files by content."""

    def __init__(self, root: Path, *, min_free_bytes: int = 0) -> None:
        """``min_free_bytes`` stay free on the disk; what does not fit beside them is refused before it is written."""
        self._root = root
        self._min_free_bytes = min_free_bytes

    async def write(self, organization_id: UUID, chunks: AsyncIterator[bytes], *, limit_bytes: int) -> StoredBlob:
        """Store a stream.

        Raises:
            DocumentError: It is empty or longer than the limit; nothing is kept.
            ProviderUnavailableError: The disk is almost full.
            ConfigurationError: It became full meanwhile, or cannot be written to.
        """
        folder = self._of(organization_id)
        temporary: Path | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            await asyncio.to_thread(self._require_space, folder)
            descriptor, name = tempfile.mkstemp(dir=folder, prefix=INCOMING)
            temporary = Path(name)
            crash_point("blob.write")
            with os.fdopen(descriptor, "wb") as file:
                digest, size = await _copy(chunks, file.fileno(), limit_bytes)
                await asyncio.to_thread(os.fsync, file.fileno())
            crash_point("blob.written")
            target = folder / digest[:2] / digest
            await asyncio.to_thread(_publish, temporary, target)
            return StoredBlob(digest, size, str(target.relative_to(self._root)))
        except OSError as error:
            raise ConfigurationError(
                f"The file could not be stored: {error.strerror}.", next_step="Free some disk space."
            ) from error
        finally:
            if temporary is not None:
                await asyncio.to_thread(temporary.unlink, missing_ok=True)

    def _require_space(self, folder: Path, size_bytes: int = 0) -> None:
        free = shutil.disk_usage(folder).free - size_bytes
        if free < self._min_free_bytes:
            raise ProviderUnavailableError(
                f"The disk of the documents is almost full: {free / MEGABYTE:,.0f} MB are free, "
                f"{self._min_free_bytes / MEGABYTE:,.0f} must stay. The file was not stored.",
                next_step="Ask the operator to free space, or to lower storage.min_free_mb; then upload it again.",
            )

    async def folder_for(self, organization_id: UUID, size_bytes: int) -> Path:
        """The folder of an organisation, where so much more will fit.

        Raises:
            ProviderUnavailableError: The disk is almost full.
        """
        folder = self._of(organization_id)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        await asyncio.to_thread(self._require_space, folder, size_bytes)
        return folder

    def unfinished(self, organization_id: UUID, name: str) -> Path:
        """Where an upload may keep its bytes until they are whole; old ones are removed."""
        return self._of(organization_id) / f"{INCOMING}{name}"

    async def remove_unfinished(self, *, older_than_s: float = UNFINISHED_S) -> int:
        """Remove what uploads left behind whose process was killed amid them. Returns how many files."""
        return await asyncio.to_thread(self._remove_unfinished, time.time() - older_than_s)

    def _remove_unfinished(self, before: float) -> int:
        removed = 0
        for path in self._root.glob(f"*/{INCOMING}*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()
                    removed += 1
        return removed

    def resolve(self, path: str) -> Path:
        """The file of a stored path.

        Raises:
            NotFoundError: It is not there, or the path leaves the store.
        """
        full = (self._root / path).resolve()
        if not full.is_relative_to(self._root.resolve()) or not full.is_file():
            raise NotFoundError("The file is no longer stored.")
        return full

    def has(self, path: str) -> bool:
        """Whether there is a file of a stored path."""
        full = (self._root / path).resolve()
        return full.is_relative_to(self._root.resolve()) and full.is_file()

    async def sha256(self, path: str) -> str:
        """Digest of what lies there now; empty when nothing does.

        Raises:
            OSError: The disk does not give it back.
        """
        return await asyncio.to_thread(_digest, self._root / path) if self.has(path) else ""

    async def older_than(self, seconds: float) -> dict[UUID, list[str]]:
        """Paths of files that lie there that long, by organisation; unfinished ones are left out."""
        return await asyncio.to_thread(self._older_than, time.time() - seconds)

    def _older_than(self, before: float) -> dict[UUID, list[str]]:
        found: dict[UUID, list[str]] = {}
        for path in self._root.glob("*/??/*"):
            with contextlib.suppress(FileNotFoundError, ValueError):
                organization = UUID(path.parts[-3])
                if path.is_file() and path.stat().st_mtime < before:
                    found.setdefault(organization, []).append(str(path.relative_to(self._root)))
        return found

    async def count(self, organization_id: UUID) -> int:
        """How many files an organisation has here, unfinished ones too."""
        return await asyncio.to_thread(lambda: sum(path.is_file() for path in self._of(organization_id).rglob("*")))

    async def delete_all(self, organization_id: UUID) -> int:
        """Remove the folder of an organisation. Returns how many files were in it."""
        count = await self.count(organization_id)
        await asyncio.to_thread(shutil.rmtree, self._of(organization_id), ignore_errors=True)
        return count

    def _of(self, organization_id: UUID) -> Path:
        return self._root / str(organization_id)

    async def delete(self, path: str) -> None:
        """Remove a file; one that is gone is fine."""
        full = (self._root / path).resolve()
        if full.is_relative_to(self._root.resolve()):
            await asyncio.to_thread(full.unlink, missing_ok=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _copy(chunks: AsyncIterator[bytes], descriptor: int, limit_bytes: int) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit_bytes:
            raise DocumentError(
                f"The file is larger than {limit_bytes / 1_000_000:.0f} MB.",
                failure_code="too_large",
                next_step="Split it, or ask the operator to raise ingestion.max_file_size_mb.",
            )
        digest.update(chunk)
        await asyncio.to_thread(write_all, descriptor, chunk)
    if not size:
        raise DocumentError("The file is empty.", failure_code="empty", next_step="Upload a file with content.")
    return digest.hexdigest(), size


def write_all(descriptor: int, data: bytes) -> None:
    """Every byte, also where the system takes a part at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _publish(temporary: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary.rename(target)
    crash_point("blob.renamed")
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
