"""How do files inside a file become documents of their own?

Their bytes are stored while the file is open, under their digests, so that reading it again changes nothing. Documents
are made of them in the transaction in which the version they lie in begins to answer; what lay in the version before
it, and in this one no more, goes.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import PurePosixPath
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from config.product import IngestionSettings
from core.crash_points import crash_point
from core.errors import DocumentError, QuotaError
from core.security import content_type
from core.types import EmbeddedFile, EmbeddedFileKind
from db.models import Document, Organization
from db.repositories.documents import DocumentRepository, with_parts
from services.audit import ClientInfo
from services.blobs import BlobStore
from services.deletion.receipts import Order
from services.deletion.tombstones import soft_delete_document
from services.uploads.admission import MAX_FILENAME, Content, Owner, Place, admit, require_stored, require_type

CLIENT = ClientInfo(user_agent="foundry worker")
SEPARATOR = " › "
"""Between the name of a document and that of a file in it, and between the parts of a path."""
MAX_DEPTH = 3
"""A mail in a mail in a mail is read; what is attached to that is named."""
MAX_DESCENDANTS = 1_000
"""Documents that one upload may bring, all levels together."""
MAX_NAMED, MAX_NAME = 50, 200
NOT_ASKED = {
    EmbeddedFileKind.ATTACHED: "Attached and not read: {names}. Save what you need of it as files and upload them.",
    EmbeddedFileKind.PACKED: "The archive is listed, not unpacked: what its files say is not searchable. Unpack it "
    "and upload the files, or let an administrator allow ingestion.unpack_archives.",
}


@dataclass(slots=True)
class EmbeddedFiles:
    """What one file holds.

    Attributes:
        kept: Stored, to become documents.
        refused: (name, why not).
        left: Names that nobody asked for, by how they lie in the file.
    """

    kept: list[Content] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    left: dict[EmbeddedFileKind, list[str]] = field(default_factory=dict)

    def warnings(self) -> list[str]:
        """Sentences about what will not be searchable."""
        said = [NOT_ASKED[kind].format(names=_listed(names)) for kind, names in self.left.items()]
        if self.refused:
            said.append(f"In the file and not read: {_listed([f'{name} ({why})' for name, why in self.refused])}.")
        return said


class EmbeddedFileStore:
    """Store of the files inside one file.

    Args:
        name: What the file they lie in is called.
    """

    def __init__(self, blobs: BlobStore, organization_id: UUID, name: str, settings: IngestionSettings) -> None:
        self._blobs = blobs
        self._organization_id = organization_id
        self._name = name
        self._settings = settings
        self.parts = EmbeddedFiles()

    async def take(self, parts: Sequence[EmbeddedFile]) -> None:
        """Store those that are there and of a type that is read. A second call begins anew."""
        self.parts = EmbeddedFiles()
        taken: set[str] = set()
        for part in parts:
            if part.content is not None:
                await self._take(part, taken)
            elif part.problem:
                self.parts.refused.append((_plain(part.name), part.problem))
            else:
                self.parts.left.setdefault(part.kind, []).append(_plain(part.name))

    async def _take(self, part: EmbeddedFile, taken: set[str]) -> None:
        name = _distinct(full_name(self._name, part.name), taken)
        try:
            blob = await self._blobs.write(
                self._organization_id, _stream(part), limit_bytes=self._settings.max_file_bytes
            )
            crash_point("part.stored")
            mime_type = await asyncio.to_thread(content_type.detect, self._blobs.resolve(blob.path), name)
            require_type(mime_type, self._settings.supported_mime_types)
        except DocumentError as error:
            self.parts.refused.append((_plain(part.name), error.message.rstrip(".")))
            return
        taken.add(name.casefold())
        self.parts.kept.append(Content(name, mime_type, blob))


async def lock_for_parts(session: AsyncSession, document_id: UUID, parts: EmbeddedFiles) -> Organization | None:
    """The organisation's row, before any other of the transaction; None when there is nothing to place or remove."""
    children = exists().where(Document.parent_document_id == document_id, ~Document.is_deleted)
    if not parts.kept and not await session.scalar(select(children)):
        return None
    found = select(Organization).join(Document, Document.organization_id == Organization.id)
    return await session.scalar(found.where(Document.id == document_id).with_for_update(of=Organization))


async def place(
    session: AsyncSession, blobs: BlobStore, organization: Organization, parent: Document, parts: EmbeddedFiles
) -> int:
    """Make documents of what was kept, and close those that came of an earlier version alone.

    Returns how many there are now; what does not fit is noted in ``parts.refused``.
    """
    owner = Owner(organization.id, parent.user_id, CLIENT)
    children = select(Document).where(Document.parent_document_id == parent.id, ~Document.is_deleted)
    known = {child.filename: child for child in await session.scalars(children.order_by(Document.id))}
    depth, brought = await _lineage(session, parent)
    placed = 0
    for content in parts.kept:
        target = known.pop(content.filename, None)
        if target is None and depth >= MAX_DEPTH:
            parts.refused.append((content.filename, f"it lies more than {MAX_DEPTH} files deep"))
            continue
        if target is None and brought >= MAX_DESCENDANTS:
            parts.refused.append((content.filename, f"one upload brings {MAX_DESCENDANTS:,} documents at most"))
            continue
        if target is None and await DocumentRepository(session).find_by_name(parent.collection_id, content.filename):
            parts.refused.append((content.filename, "another document is called so"))
            continue
        require_stored(blobs, content)
        try:
            await admit(session, organization, owner, target or Place(parent.collection_id, parent.id), content)
        except QuotaError as error:
            parts.refused.append((content.filename, error.message.rstrip(".")))
            continue
        placed += 1
        brought += target is None
    for gone in known.values():
        await soft_delete_document(session, Order(organization.id, str(parent.user_id or "")), gone.id)
    crash_point("parts.placed")
    return placed


async def _lineage(session: AsyncSession, document: Document) -> tuple[int, int]:
    """(how many files deep the document lies, how many documents its outermost one has brought)."""
    depth, top = 0, document
    while top.parent_document_id is not None:
        top = await session.get_one(Document, top.parent_document_id)
        depth += 1
    family = with_parts(Document.parent_document_id == top.id).subquery()
    return depth, await session.scalar(select(func.count()).select_from(family)) or 0


def full_name(parent: str, name: str) -> str:
    """``parent › folder › name``: what leads outside is left out, and what is too long is cut before its ending."""
    steps = [_plain(step) for step in name.replace("\\", "/").split("/")]
    shown = SEPARATOR.join([parent, *(step for step in steps if step not in ("", ".", ".."))])
    if shown == parent:
        shown = f"{parent}{SEPARATOR}(no name)"
    if len(shown) <= MAX_FILENAME:
        return shown
    ending = PurePosixPath(shown).suffix[:20]
    mark = sha256(shown.encode()).hexdigest()[:8]
    return f"{shown[: MAX_FILENAME - len(ending) - 9]}~{mark}{ending}"


def _distinct(name: str, taken: set[str]) -> str:
    """The name, or with a number where another file is called so."""
    path, number, found = PurePosixPath(name), 2, name
    while found.casefold() in taken:
        found, number = f"{name.removesuffix(path.suffix)} ({number}){path.suffix}", number + 1
    return found


def _plain(text: str) -> str:
    """In NFC, without halves of characters and control characters, on one line."""
    whole = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    return " ".join("".join(c for c in whole if unicodedata.category(c)[0] != "C" or c.isspace()).split())


def _listed(names: Sequence[str]) -> str:
    named = [name[:MAX_NAME] or "(no name)" for name in names[:MAX_NAMED]]
    more = f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
    return f"{', '.join(named)}{more}"


async def _stream(part: EmbeddedFile) -> AsyncIterator[bytes]:
    """Its bytes, read beside the loop."""
    blocks = iter(part.content()) if part.content else iter(())
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        yield block
