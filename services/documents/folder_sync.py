"""How does a folder stay in step with the documents that came from it?

What is new or changed, by its SHA-256, is handed in; what is gone is deleted. Only documents that came from the folder
are ever deleted, and none when the folder looks as if its drive were not there.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy import select

from core.errors import ConflictError, KnowledgeFoundryError, ValidationError
from core.identity import Principal, Role, Scope
from db.models import Document, DocumentVersion
from db.repositories.documents import FOLDER, DocumentRepository
from db.unit_of_work import Database
from services.audit import ClientInfo
from services.documents.documents import DocumentService
from services.uploads.admission import clean_filename
from services.uploads.uploads import DEFAULT_COLLECTION, IngestionService
from services.views.uploads import Receipt

log = structlog.get_logger(__name__)

CLIENT = ClientInfo(user_agent="foundry sync")
BLOCK = 1 << 20
SEPARATOR = " › "
"""Between the parts of a path in a document's name: two files of one name in two folders are two documents."""

_Stamp = tuple[int, int]
"""Size and time of the last change."""


@dataclass(slots=True)
class SyncReport:
    """What one round did."""

    received: list[Receipt] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class _Known:
    document_id: UUID
    digest: str
    from_folder: bool


class FolderSync:
    """One folder, looked at again and again.

    Args:
        remove_gone: Whether documents go when their files do.
    """

    def __init__(
        self,
        database: Database,
        ingestion: IngestionService,
        documents: DocumentService,
        principal: Principal,
        folder: Path,
        *,
        collection_id: UUID | None = None,
        remove_gone: bool = True,
    ) -> None:
        principal.require(Role.EDITOR, Scope.WRITE)
        self._database = database
        self._ingestion = ingestion
        self._documents = documents
        self._principal = principal
        self._folder = folder.resolve()
        self._collection_id = collection_id
        self._remove_gone = remove_gone
        self._digests: dict[Path, tuple[_Stamp, str]] = {}
        self._refused: dict[Path, _Stamp] = {}

    async def run(self) -> SyncReport:
        """One round.

        Raises:
            ValidationError: There is no such folder.
            ConflictError: It is empty though documents came from it; nothing was deleted.
        """
        files = await asyncio.to_thread(self._files)
        known = await self._known()
        mine = {name: one for name, one in known.items() if one.from_folder}
        if not files and mine and self._remove_gone:
            raise ConflictError(
                f"{self._folder} is empty, but {len(mine)} documents came from it; nothing was deleted.",
                next_step="Is its drive there? To delete them, do so in the admin app.",
            )
        report = SyncReport()
        for name, path in files.items():
            await self._one(name, path, known.get(name), report)
        if self._remove_gone:
            for name in sorted(mine.keys() - files.keys()):
                await self._documents.delete(self._principal, mine[name].document_id, client=CLIENT)
                report.removed.append(name)
        log.info("folder_synced", received=len(report.received), removed=len(report.removed))
        return report

    async def _one(self, name: str, path: Path, known: _Known | None, report: SyncReport) -> None:
        try:
            stamp, digest = await asyncio.to_thread(self._digest, path)
        except OSError:
            return  # it went away or is being written; the next round sees it
        if known is not None and known.digest == digest:
            report.unchanged += 1
            if not known.from_folder:
                await self._mark(known.document_id)
            return
        if self._refused.get(path) == stamp:
            return
        try:
            receipt = await self._ingestion.upload(
                self._principal,
                filename=name,
                chunks=_blocks(path),
                collection_id=self._collection_id,
                client=CLIENT,
            )
        except KnowledgeFoundryError as error:
            self._refused[path] = stamp
            report.refused[name] = str(error)
            return
        await self._mark(receipt.document_id)
        report.received.append(receipt)

    def _files(self) -> Mapping[str, Path]:
        """Plain files by the name of their document; hidden ones and links are left out."""
        if not self._folder.is_dir():
            raise ValidationError(f"There is no folder {self._folder}.", next_step="Check its name, or its drive.")
        found = {}
        for path in sorted(self._folder.rglob("*")):
            parts = path.relative_to(self._folder).parts
            if path.is_symlink() or not path.is_file() or any(part.startswith((".", "~$")) for part in parts):
                continue
            found[clean_filename(SEPARATOR.join(parts))] = path
        return found

    def _digest(self, path: Path) -> tuple[_Stamp, str]:
        """SHA-256 of a file; read again only when its size or time changed."""
        status = path.stat()
        stamp = (status.st_size, status.st_mtime_ns)
        kept = self._digests.get(path)
        if kept is None or kept[0] != stamp:
            with path.open("rb") as file:
                kept = self._digests[path] = (stamp, hashlib.file_digest(file, "sha256").hexdigest())
        return kept

    async def _known(self) -> dict[str, _Known]:
        """The documents of the collection by name, with the digest of their newest version."""
        organization_id = self._principal.organization_id
        async with self._database.transaction(organization_id) as session:
            collections = await DocumentRepository(session).list_collections(self._principal)
            general = next((row[0].id for row in collections if row[0].name == DEFAULT_COLLECTION), None)
            wanted = self._collection_id or general
            rows = await session.execute(
                select(Document, DocumentVersion.content_hash)
                .join(DocumentVersion, DocumentVersion.document_id == Document.id)
                .where(Document.collection_id == wanted, ~Document.is_deleted)
                .order_by(DocumentVersion.number)
            )
            folder = str(self._folder)
            return {
                document.filename: _Known(document.id, digest, document.meta.get(FOLDER) == folder)
                for document, digest in rows
            }

    async def _mark(self, document_id: UUID) -> None:
        async with self._database.transaction(self._principal.organization_id) as session:
            document = await session.get_one(Document, document_id, with_for_update=True)
            document.meta = {**document.meta, FOLDER: str(self._folder)}


async def _blocks(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while block := await asyncio.to_thread(file.read, BLOCK):
            yield block
