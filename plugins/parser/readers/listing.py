"""What does an archive hold, told without unpacking it?

Only names, sizes and dates are read; nothing is written anywhere, so a name that leads outside is shown as it stands
and leads nowhere. Its files are parts, whose bytes whoever may unpack asks for.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import DocumentError
from core.types import BlockKind, EmbeddedFile, EmbeddedFileKind, ParsedDocument
from plugins.parser.archives import BLOCK, MAX_MEMBERS, Budget, bomb
from plugins.parser.readers.pieces import assemble, corrupt, squeezed, table

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_NAME = 1_000
"""Characters of a name that are shown."""


@dataclass(frozen=True, slots=True)
class Member:
    """One line of the list; ``size_bytes`` is what the archive claims, ``content`` None for all but plain files."""

    name: str
    size_bytes: int
    date: str
    is_folder: bool
    content: Callable[[], Iterator[bytes]] | None


def read(file_path: Path) -> ParsedDocument:
    """A table of the members of a zip, tar or tar.gz archive, told apart by suffix.

    Raises:
        DocumentError: It is damaged, empty, or has more members or content than an ordinary archive.
    """
    members = _in_zip(file_path) if file_path.suffix == ".zip" else _in_tar(file_path)
    try:
        found = _bounded(members)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        raise corrupt("archive") from error
    if not found:
        raise DocumentError(
            "The archive holds no files.", failure_code="no_text", next_step="Upload an archive with content."
        )
    files = sum(not member.is_folder for member in found)
    said = f"Archive of {files:,} {'file' if files == 1 else 'files'}, {sum(m.size_bytes for m in found):,} bytes."
    rows = [["Name", "Size in bytes", "Date"], *([m.name, f"{m.size_bytes}", m.date] for m in found)]
    parts = tuple(EmbeddedFile(m.name, EmbeddedFileKind.PACKED, m.content) for m in found if m.content)
    return ParsedDocument((assemble(1, [(BlockKind.TEXT, 0, said), *table(rows)]),), paged=False, parts=parts)


def _bounded(members: Iterable[Member]) -> list[Member]:
    found: list[Member] = []
    for member in members:
        if len(found) == MAX_MEMBERS:
            raise bomb(f"more than {MAX_MEMBERS:,} parts")
        found.append(member)
    return found


def _in_zip(file_path: Path) -> Iterator[Member]:
    # Left open for the parts, as long as somebody holds one.
    archive = zipfile.ZipFile(file_path)
    for entry in archive.infolist():
        year, month, day, hour, minute, _ = entry.date_time
        date = f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}"
        content = None if entry.is_dir() else partial(_zipped, archive, entry)
        yield Member(_shown(entry.filename), entry.file_size, date, entry.is_dir(), content)


def _zipped(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(entry) as stream:
        while block := stream.read(BLOCK):
            yield block


def _in_tar(file_path: Path) -> Iterator[Member]:
    """Read from front to end, as a stream: what a compressed one inflates to is counted, never kept."""
    unpacked = _Unpacked(file_path)
    with file_path.open("rb") as file, _tar(file, file_path) as archive:
        for entry in archive:
            name = f"{entry.name}/" if entry.isdir() else entry.name
            shown = f"{name} -> {entry.linkname}" if entry.issym() or entry.islnk() else name
            content = partial(unpacked.content, entry.name) if entry.isreg() else None
            yield Member(_shown(shown), entry.size, _moment(entry.mtime), entry.isdir(), content)


class _Unpacked:
    """The same archive read a second time, from front to end again: its parts are asked for in their order."""

    def __init__(self, file_path: Path) -> None:
        self._path = file_path
        self._archive: tarfile.TarFile | None = None

    def content(self, name: str) -> Iterator[bytes]:
        if self._archive is None:
            file = self._path.open("rb")
            weakref.finalize(self, file.close)
            self._archive = _tar(file, self._path)
        for entry in self._archive:
            if entry.isreg() and entry.name == name and (stream := self._archive.extractfile(entry)):
                while block := stream.read(BLOCK):
                    yield block
                return
        raise tarfile.ReadError("asked for out of order")


def _tar(file: io.BufferedReader, file_path: Path) -> tarfile.TarFile:
    plain: io.BufferedIOBase = gzip.GzipFile(fileobj=file) if file_path.suffix == ".tgz" else file
    counted = _Counted(plain, Budget(file_path.stat().st_size))
    return tarfile.open(fileobj=counted, mode="r|", encoding="utf-8", errors="replace")


class _Counted(io.RawIOBase):
    """A file of which no more is read than a budget allows."""

    def __init__(self, file: io.BufferedIOBase, budget: Budget) -> None:
        self._file = file
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        size = self._file.readinto(buffer)
        self._budget.spend(size)
        return size


def _moment(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return ""


def _shown(name: str) -> str:
    # A line break or a half of a character in a name would break the table or the stored text.
    return squeezed(name[:MAX_NAME].encode("utf-8", "replace").decode())
