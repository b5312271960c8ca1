"""How does a large file come in over a line that breaks?

Piece by piece, each behind the one before. How much there is, is what lies on disk, so a gateway that is killed amid a
piece loses at most that piece, and any other one goes on. The last piece hands the file in like any upload. What is not
finished within a day is removed, as everything is that an upload left behind (``services.blobs``).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from core.errors import ConflictError, DocumentError, NotFoundError, QuotaError, ValidationError
from core.identity import Principal, Role, Scope
from services.audit import ClientInfo
from services.blobs import UNFINISHED_S, BlobStore, write_all
from services.uploads.admission import clean_filename
from services.uploads.uploads import IngestionService
from services.views.uploads import Receipt, UploadView

BLOCK = 1 << 20
MOST_OPEN = 20
"""Unfinished uploads of a person."""
NOTE = ".json"


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is known of an upload beside its bytes."""

    user_id: str
    filename: str
    size_bytes: int
    collection_id: str | None
    document_id: str | None
    task_id: str | None = None


ReceiptOf = Callable[[Principal, UUID], Awaitable[Receipt]]


class ResumableUploads:
    """Uploads that come in pieces; what is whole is handed in.

    Args:
        receipt: How far a task is, of one who may see it.
    """

    def __init__(
        self, blobs: BlobStore, ingestion: IngestionService, receipt: ReceiptOf, *, max_file_bytes: int
    ) -> None:
        self._blobs = blobs
        self._ingestion = ingestion
        self._receipt_of = receipt
        self.max_file_bytes = max_file_bytes

    async def begin(
        self,
        principal: Principal,
        *,
        filename: str,
        size_bytes: int,
        collection_id: UUID | None = None,
        document_id: UUID | None = None,
    ) -> UploadView:
        """Make room for a file.

        Raises:
            AuthorizationError: The place is shared, and the principal is no editor.
            DocumentError: It is empty, or larger than a file may be.
            QuotaError: The person has too many unfinished ones.
            ProviderUnavailableError: The disk is almost full.
        """
        await self._ingestion.require_right(principal, collection_id, document_id)
        name = clean_filename(filename)
        if size_bytes < 1:
            raise DocumentError("The file is empty.", failure_code="empty", next_step="Upload a file with content.")
        if size_bytes > self.max_file_bytes:
            raise DocumentError(
                f"The file is larger than {self.max_file_bytes / 1_000_000:.0f} MB.",
                failure_code="too_large",
                next_step="Split it, or ask the operator to raise ingestion.max_file_size_mb.",
            )
        kept = _Kept(str(principal.user_id), name, size_bytes, _text(collection_id), _text(document_id))
        folder = await self._blobs.folder_for(principal.organization_id, size_bytes)
        if await asyncio.to_thread(_open_of, folder, kept.user_id) >= MOST_OPEN:
            raise QuotaError(
                f"You have {MOST_OPEN} unfinished uploads.", next_step="Finish or delete one; after a day they go."
            )
        upload_id = uuid4()
        part = self._part(principal, upload_id)
        await asyncio.to_thread(_begin, part, kept)
        return _view(upload_id, part, kept)

    async def state(self, principal: Principal, upload_id: UUID) -> UploadView:
        """How much of it is there, and its receipt once it was handed in.

        Raises:
            NotFoundError: There is none of this person's.
        """
        part, kept = await self._mine(principal, upload_id)
        view = _view(upload_id, part, kept)
        if kept.task_id is None:
            return view
        receipt = await self._receipt_of(principal, UUID(kept.task_id))
        return view.model_copy(update={"receipt": receipt})

    async def append(
        self, principal: Principal, upload_id: UUID, offset: int, pieces: AsyncIterator[bytes], *, client: ClientInfo
    ) -> UploadView:
        """Take a piece; with the last one the file is handed in.

        Raises:
            NotFoundError: There is none of this person's.
            ConflictError: Another piece is being sent, or this one does not begin where the others end.
            ValidationError: There is more than was announced; what was there before stays.
            KnowledgeFoundryError: The whole file is not taken in, for the reasons of any upload.
        """
        part, kept = await self._mine(principal, upload_id)
        if kept.task_id is not None:
            return await self.state(principal, upload_id)
        with _alone(part) as descriptor:
            await _append(descriptor, offset, kept.size_bytes, pieces)
            there = os.fstat(descriptor).st_size
            os.utime(_note(part))
            if there < kept.size_bytes:
                return _view(upload_id, part, kept)
            receipt = await self._hand_in(principal, part, kept, client)
            kept = replace(kept, task_id=str(receipt.task_id))
            await asyncio.to_thread(_write_note, part, kept)
            # The bytes are stored elsewhere now; the note answers whoever asks what became of them.
            await asyncio.to_thread(os.ftruncate, descriptor, 0)
            return _view(upload_id, part, kept).model_copy(update={"receipt": receipt})

    async def give_up(self, principal: Principal, upload_id: UUID) -> None:
        """Forget an upload; a document that came of it stays.

        Raises:
            NotFoundError: There is none of this person's.
        """
        part, _ = await self._mine(principal, upload_id)
        await asyncio.to_thread(_remove, part)

    async def _hand_in(self, principal: Principal, part: Path, kept: _Kept, client: ClientInfo) -> Receipt:
        try:
            return await self._ingestion.upload(
                principal,
                filename=kept.filename,
                chunks=_blocks(part),
                collection_id=UUID(kept.collection_id) if kept.collection_id else None,
                document_id=UUID(kept.document_id) if kept.document_id else None,
                client=client,
            )
        except (DocumentError, NotFoundError, ValidationError):
            # It will never be taken in; after anything else another try may go well.
            await asyncio.to_thread(_remove, part)
            raise

    async def _mine(self, principal: Principal, upload_id: UUID) -> tuple[Path, _Kept]:
        principal.require(Role.VIEWER, Scope.WRITE)
        part = self._part(principal, upload_id)
        try:
            kept = _Kept(**json.loads(await asyncio.to_thread(_note(part).read_text, "utf-8")))
        except FileNotFoundError:
            kept = None
        if kept is None or kept.user_id != str(principal.user_id) or not part.is_file():
            raise NotFoundError("There is no such upload of yours.", next_step="Begin it again; it may have expired.")
        return part, kept

    def _part(self, principal: Principal, upload_id: UUID) -> Path:
        return self._blobs.unfinished(principal.organization_id, str(upload_id))


# -- files


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _note(part: Path) -> Path:
    return part.with_name(part.name + NOTE)


def _begin(part: Path, kept: _Kept) -> None:
    _write_note(part, kept)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _write_note(part: Path, kept: _Kept) -> None:
    """Whole or not at all."""
    new = part.with_name(part.name + ".new")
    with new.open("w", encoding="utf-8") as file:
        json.dump(asdict(kept), file)
        file.flush()
        os.fsync(file.fileno())
    new.rename(_note(part))


def _remove(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _open_of(folder: Path, user_id: str) -> int:
    count = 0
    for note in folder.glob(f"*{NOTE}"):
        with contextlib.suppress(FileNotFoundError):
            kept = json.loads(note.read_text("utf-8"))
            count += kept["user_id"] == user_id and kept["task_id"] is None
    return count


@contextmanager
def _alone(part: Path) -> Iterator[int]:
    """The descriptor of an upload that nobody else writes, in any process."""
    descriptor = os.open(part, os.O_RDWR)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(
                "Another connection is sending this upload.", next_step="Ask how much there is, and go on behind it."
            ) from None
        yield descriptor
    finally:
        os.close(descriptor)


async def _append(descriptor: int, offset: int, size: int, pieces: AsyncIterator[bytes]) -> None:
    before = os.fstat(descriptor).st_size
    if offset != before:
        raise ConflictError(
            f"The piece begins at byte {offset}, and {before} bytes are there.",
            next_step="Ask how much there is, and go on behind it.",
        )
    os.lseek(descriptor, 0, os.SEEK_END)
    written = before
    try:
        async for piece in pieces:
            written += len(piece)
            if written > size:
                os.ftruncate(descriptor, before)
                raise ValidationError(
                    f"There are more than the {size} bytes that were announced.", next_step="Begin the upload again."
                )
            await asyncio.to_thread(write_all, descriptor, piece)
    finally:
        # What came before the line broke is kept, and told only when it is safe.
        await asyncio.to_thread(os.fsync, descriptor)


async def _blocks(part: Path) -> AsyncIterator[bytes]:
    with part.open("rb") as file:
        while block := await asyncio.to_thread(file.read, BLOCK):
            yield block


def _view(upload_id: UUID, part: Path, kept: _Kept) -> UploadView:
    there = kept.size_bytes if kept.task_id else part.stat().st_size
    ends = datetime.fromtimestamp(_note(part).stat().st_mtime, UTC) + timedelta(seconds=UNFINISHED_S)
    return UploadView(
        id=upload_id, filename=kept.filename, size_bytes=kept.size_bytes, offset=there, expires_at=ends, receipt=None
    )
