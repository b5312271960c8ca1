"""What documents are there, and what does a citation point at?"""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from uuid import UUID

from sqlalchemy import Row

from core.errors import ValidationError
from core.identity import Principal, Role
from core.states import DocumentStatus
from core.types import Chunk, DataClass
from db.models import Collection, Document, DocumentVersion, Task
from db.repositories.documents import PARTIAL, DocumentRepository
from db.unit_of_work import Database
from plugins.parser.sandbox.drawing import PageDrawer, Quote
from services import paging
from services.access import may_write
from services.audit import ClientInfo
from services.blobs import BlobStore
from services.deletion.service import RemovalService
from services.indexing import word_boxes
from services.tasks.progress import PagesRead
from services.uploads.near_duplicates import similar_to
from services.uploads.receipts import orders_of, receipt_of, warnings_of
from services.views.collections import CollectionView
from services.views.deletion import DeletionView
from services.views.documents import DocumentPage, DocumentView, PagePicture, PartsView, PartView, PassageView

DRAWN = ("application/pdf", "image/")
"""Types that have pages to draw."""
MAX_SCALE = 4.0
PARTS_NAMED = 50
"""Of what lay in a file so many are named; an archive may hold a thousand."""


class DocumentService:
    """Lists, passages, pictures and deletion."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        removal: RemovalService,
        *,
        drawer: PageDrawer,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._removal = removal
        self._drawer = drawer

    async def list_collections(self, principal: Principal) -> tuple[CollectionView, ...]:
        """Readable collections by name."""
        principal.require(Role.VIEWER)
        async with self._database.transaction(principal.organization_id) as session:
            rows = await DocumentRepository(session).list_collections(principal)
            return tuple(
                CollectionView(
                    id=row[0].id,
                    name=row[0].name,
                    is_open=row[0].is_open,
                    document_count=row[1],
                    data_class=DataClass(row[0].data_class),
                    retention_days=row[0].retention_days,
                    is_own=row[0].user_id is not None,
                )
                for row in rows
            )

    async def list_page(
        self,
        principal: Principal,
        *,
        cursor: str | None = None,
        limit: int = 50,
        status: DocumentStatus | None = None,
        query: str = "",
        mine: bool = False,
    ) -> DocumentPage:
        """Readable documents, newest first; with ``mine`` those alone that the principal handed in."""
        principal.require(Role.VIEWER)
        size = paging.valid_limit(limit)
        async with self._database.transaction(principal.organization_id) as session:
            documents = DocumentRepository(session)
            rows, total = await documents.list_page(
                principal,
                after=paging.decode(cursor),
                limit=size + 1,
                status=status,
                query=query.replace("\x00", ""),
                mine=mine,
            )
            shown = rows[:size]
            tasks = await documents.latest_tasks([row[0].id for row in shown])
            items = tuple(_view(principal, row, tasks.get(row[0].id)) for row in shown)
        last = shown[-1][0] if len(rows) > size else None
        return DocumentPage(
            items=items, next_cursor=paging.encode(last.created_at, last.id) if last else None, total=total
        )

    async def get(self, principal: Principal, document_id: UUID) -> DocumentView:
        """One document.

        Raises:
            NotFoundError: Absent or not readable.
        """
        principal.require(Role.VIEWER)
        async with self._database.transaction(principal.organization_id) as session:
            documents = DocumentRepository(session)
            await documents.get(document_id, principal=principal)
            rows, _ = await documents.list_page(
                principal, after=None, limit=1, status=None, query="", document_id=document_id
            )
            tasks = await documents.latest_tasks([document_id])
            view, version = _view(principal, rows[0], tasks.get(document_id)), rows[0][1]
            if version is None:
                return view
            similar = await similar_to(session, documents.readable(principal), version)
            return view.model_copy(update={"similar": similar})

    async def states_with_parts(
        self, principal: Principal, document_ids: frozenset[UUID]
    ) -> dict[UUID, DocumentStatus]:
        """How far documents are, and all that lay in their files, such as attachments; of those that may be read."""
        async with self._database.transaction(principal.organization_id) as session:
            states = await DocumentRepository(session).states_with_parts(document_ids, principal=principal)
        return {document_id: DocumentStatus(state) for document_id, state in states.items()}

    async def parts(self, principal: Principal, document_id: UUID) -> PartsView:
        """What lay in the file of a document, such as attachments, and how far it is.

        Raises:
            NotFoundError: Absent or not readable.
        """
        async with self._database.transaction(principal.organization_id) as session:
            documents = DocumentRepository(session)
            await documents.get(document_id, principal=principal)
            counts, first = await documents.parts(document_id, principal=principal, limit=PARTS_NAMED)
        ready, failed = counts.get(DocumentStatus.READY, 0), counts.get(DocumentStatus.FAILED, 0)
        return PartsView(
            total=sum(counts.values()),
            ready=ready,
            failed=failed,
            waiting=sum(counts.values()) - ready - failed,
            items=tuple(PartView.model_validate(one, from_attributes=True) for one in first),
        )

    async def delete(self, principal: Principal, document_id: UUID, *, client: ClientInfo) -> DeletionView:
        """Remove a document: it stops answering at once, then text, vectors and files go; the receipt says so.

        Raises:
            NotFoundError: Absent or not readable.
        """
        return await self._removal.delete_document(principal, document_id, client=client)

    async def superseded(self, principal: Principal, version_ids: Set[UUID]) -> frozenset[UUID]:
        """Those of the versions in whose place another one answers now."""
        if not version_ids:
            return frozenset()
        async with self._database.transaction(principal.organization_id) as session:
            return await DocumentRepository(session).superseded(version_ids, principal=principal)

    # -- what a citation opens

    async def passage(
        self, principal: Principal, chunk_id: UUID, *, char_start: int | None = None, char_end: int | None = None
    ) -> PassageView:
        """The text of the page a chunk lies on, with the cited characters in it.

        Raises:
            NotFoundError: Absent or not readable.
            ValidationError: The span does not lie on the page.
        """
        chunk, superseded, stored = await self._chunk_and_page(principal, chunk_id)
        text = str(stored["text"])
        start, end = _span(chunk, char_start, char_end, len(text))
        return PassageView(
            document_id=chunk.document_id,
            version_id=chunk.version_id,
            version_number=chunk.version_number,
            filename=chunk.filename,
            page=chunk.page,
            page_label=chunk.page_label,
            heading_path=chunk.heading_path,
            text=text,
            char_start=start,
            char_end=end,
            superseded=superseded,
        )

    async def expect_pictures(self) -> None:
        """Somebody is about to read answers: the first page he opens need not wait for a process to start."""
        await self._drawer.warm()

    async def page_picture(
        self,
        principal: Principal,
        chunk_id: UUID,
        *,
        char_start: int | None = None,
        char_end: int | None = None,
        page: int | None = None,
        scale: float = 1.5,
    ) -> PagePicture:
        """The page of a chunk drawn as PNG, the cited characters highlighted; ``page`` shows another one, without.

        Raises:
            NotFoundError: Absent or not readable, or the page is damaged.
            ValidationError: The type has no pages to draw, or page, span or scale do not fit.
        """
        chunk, _, stored = await self._chunk_and_page(principal, chunk_id)
        if not chunk.mime_type.startswith(DRAWN):
            raise ValidationError(
                "Only pages of PDF files and pictures can be drawn.", next_step="Open the passage as text."
            )
        if not 0.2 <= scale <= MAX_SCALE:
            raise ValidationError(f"scale must be between 0.2 and {MAX_SCALE}, not {scale}.")
        text = str(stored["text"])
        start, end = _span(chunk, char_start, char_end, len(text))
        quote = Quote(start, end, text[start:end])
        async with self._database.transaction(principal.organization_id) as session:
            version = await session.get_one(DocumentVersion, chunk.version_id)
        wanted = chunk.page if page is None else page
        if not 1 <= wanted <= (version.page_count or 1):
            raise ValidationError(f"The document has pages 1 to {version.page_count}, not {wanted}.")
        path = self._blobs.resolve(version.file_path)
        if wanted == chunk.page:
            known = word_boxes.boxes(stored.get("words"), start, end)
            drawn = await self._drawer.draw(path, wanted, scale, quote=quote, boxes=known)
        else:
            drawn = await self._drawer.draw(path, wanted, scale)
        return PagePicture(png=drawn.png, boxes=drawn.boxes, pages=version.page_count or 1)

    async def file(self, principal: Principal, document_id: UUID, version_id: UUID) -> tuple[Path, str, str]:
        """(path, MIME type, name) of a version's file.

        Raises:
            NotFoundError: Absent, not readable or no longer stored.
        """
        principal.require(Role.VIEWER)
        async with self._database.transaction(principal.organization_id) as session:
            version = await DocumentRepository(session).get_version(document_id, version_id, principal=principal)
        return self._blobs.resolve(version.file_path), version.mime_type, version.filename

    async def _chunk_and_page(self, principal: Principal, chunk_id: UUID) -> tuple[Chunk, bool, dict[str, object]]:
        principal.require(Role.VIEWER)
        async with self._database.transaction(principal.organization_id) as session:
            documents = DocumentRepository(session)
            chunk, superseded = await documents.get_chunk(chunk_id, principal=principal)
            pages = await documents.pages(chunk.version_id)
        alone: dict[str, object] = {"text": chunk.content}
        stored = next((page for page in pages if page["number"] == chunk.page), alone)
        return chunk, superseded, stored


def _span(chunk: Chunk, start: int | None, end: int | None, length: int) -> tuple[int, int]:
    first = chunk.char_start if start is None else start
    last = chunk.char_end if end is None else end
    if not 0 <= first < last <= length:
        raise ValidationError(f"Characters {first} to {last} do not lie on the page of {length} characters.")
    return first, last


def _view(
    principal: Principal,
    row: Row[Document, DocumentVersion | None, Collection, str | None],
    task: tuple[Task, DocumentVersion] | None,
) -> DocumentView:
    document, version, collection, email = row
    newest = task[1] if task else None
    read = PagesRead.kept(version.meta, PARTIAL) if version else None
    warning = " ".join(warnings_of(version)) or None if version is not None else None
    if newest is not None and version is not None and newest.id != version.id and newest.error_message:
        warning = (
            f"Version {newest.number} could not be read ({newest.error_message}); version {version.number} answers."
        )
    if read is not None:
        warning = f"It is still being read: {read.done} of {read.total} pages answer."
    return DocumentView(
        id=document.id,
        filename=document.filename,
        mime_type=document.mime_type,
        size_bytes=document.file_size,
        status=document.status,
        error_message=document.error_message,
        warning=warning,
        orders=orders_of(version) if version else (),
        version_number=version.number if version else newest.number if newest else 1,
        version_id=version.id if version else None,
        pages=version.page_count if version else None,
        chunks=version.chunk_count if version else None,
        collection_id=document.collection_id,
        collection_name=collection.name,
        may_change=may_write(principal, collection),
        uploaded_by=email or "",
        created_at=document.created_at,
        indexed_at=document.indexed_at,
        parent_id=document.parent_document_id,
        latest_task=receipt_of(*task) if task else None,
    )
