"""Which documents, versions and chunks may a principal read?"""

from __future__ import annotations

from collections.abc import Collection as Ids
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import array, distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import NotFoundError
from core.identity import Principal, Role
from core.states import DocumentStatus, TaskStatus, TaskType
from core.types import Chunk, DataClass
from db.models import Collection, Document, DocumentChunk, DocumentVersion, Task, User
from db.repositories.versions import answers

PARTIAL = "partial"
"""Where a version keeps, among what else is known about it, how many of its pages answer while it is read."""
SAMPLE, FOLDER = "sample", "folder"
"""Where a document keeps that it came with the product, or which folder it is kept in step with."""
CHUNK_COLUMNS = (
    DocumentChunk.id,
    DocumentChunk.document_id,
    DocumentChunk.version_id,
    DocumentVersion.number,
    DocumentVersion.filename,
    DocumentVersion.mime_type,
    DocumentVersion.paged,
    Document.collection_id,
    Collection.data_class,
    DocumentVersion.meta[PARTIAL].label(PARTIAL),
    DocumentChunk.content,
    DocumentChunk.page,
    DocumentChunk.page_label,
    DocumentChunk.char_start,
    DocumentChunk.char_end,
    DocumentChunk.chunk_index,
    DocumentChunk.heading_path,
    DocumentChunk.context,
    DocumentChunk.language,
    Document.active_version_id,
)


def with_parts(start: ColumnElement[bool]) -> Select[UUID]:
    """Ids of the documents that a condition names, and of all that lay in their files, at any depth."""
    found = select(Document.id).where(start).cte(recursive=True)
    found = found.union(select(Document.id).where(Document.parent_document_id == found.c.id))
    return select(found.c.id)


class DocumentRepository:
    """Documents, inside the caller's transaction; never commits."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    # -- what may be read: the only place where read access is turned into SQL

    def _readable_collections(self, principal: Principal) -> Select[Collection]:
        statement = select(Collection).where(
            Collection.organization_id == principal.organization_id, ~Collection.is_deleted
        )
        shared: ColumnElement[bool] = Collection.user_id.is_(None)
        if not principal.role.includes(Role.ADMIN):
            shared &= or_(Collection.is_open, Collection.id.in_(principal.collection_ids))
        return statement.where(or_(shared, Collection.user_id == principal.user_id))

    def _readable(self, principal: Principal) -> Select[Document]:
        return select(Document).where(
            Document.organization_id == principal.organization_id,
            ~Document.is_deleted,
            Document.collection_id.in_(self._readable_collections(principal).with_only_columns(Collection.id)),
        )

    def readable(self, principal: Principal) -> Select[Document]:
        """The documents the principal may read, for other repositories to narrow down."""
        return self._readable(principal)

    # -- collections

    async def list_collections(self, principal: Principal) -> Sequence[Row[Collection, int]]:
        """Readable collections by name, with how many documents each holds."""
        count = (
            select(func.count())
            .select_from(Document)
            .where(Document.collection_id == Collection.id, ~Document.is_deleted)
            .scalar_subquery()
        )
        statement = self._readable_collections(principal).add_columns(count).order_by(Collection.name)
        return (await self._session.execute(statement)).all()

    async def collection_ids(self, principal: Principal) -> frozenset[UUID]:
        """Ids of the collections the principal may read."""
        statement = self._readable_collections(principal).with_only_columns(Collection.id)
        return frozenset((await self._session.scalars(statement)).all())

    async def get_collection(self, collection_id: UUID, *, principal: Principal) -> Collection:
        """One readable collection.

        Raises:
            NotFoundError: Absent or not readable.
        """
        statement = self._readable_collections(principal).where(Collection.id == collection_id)
        collection = await self._session.scalar(statement)
        if collection is None:
            raise NotFoundError(f"There is no collection {collection_id} that you may see.")
        return collection

    async def own_collection(self, principal: Principal) -> Collection | None:
        """Where the principal's own files lie; None before there are any."""
        mine = Collection.user_id == principal.user_id
        return await self._session.scalar(self._readable_collections(principal).where(mine))

    # -- documents

    async def get(self, document_id: UUID, *, principal: Principal) -> Document:
        """Fetch one document the principal may read.

        Raises:
            NotFoundError: Absent or not readable; the two look alike on purpose.
        """
        document = await self._session.scalar(self._readable(principal).where(Document.id == document_id))
        if document is None:
            raise NotFoundError(f"There is no document {document_id} that you may see.")
        return document

    async def states_with_parts(self, document_ids: Ids[UUID], *, principal: Principal) -> dict[UUID, DocumentStatus]:
        """States of readable documents and of all that lay in their files."""
        family = with_parts(Document.id.in_(document_ids))
        statement = (
            self._readable(principal).where(Document.id.in_(family)).with_only_columns(Document.id, Document.status)
        )
        return {row.id: row.status for row in await self._session.execute(statement)}

    async def parts(
        self, document_id: UUID, *, principal: Principal, limit: int
    ) -> tuple[dict[DocumentStatus, int], Sequence[Document]]:
        """What lay in the file of a document, at any depth: how many by state; the first, failed ones before.

        Only what may be read; whether the document itself may be is asked with ``get``.
        """
        family = with_parts(Document.id == document_id)
        inside = self._readable(principal).where(Document.id.in_(family), Document.id != document_id)
        states = inside.with_only_columns(Document.status, func.count()).group_by(Document.status).order_by(None)
        counts = {row[0]: row[1] for row in await self._session.execute(states)}
        ordered = (
            inside.order_by(None).order_by(Document.status != DocumentStatus.FAILED, Document.filename).limit(limit)
        )
        return counts, (await self._session.scalars(ordered)).all()

    async def ready_filenames(self, names: Iterable[str], *, principal: Principal) -> set[str]:
        """Those of these names under which the principal can read a document that answers."""
        statement = self._readable(principal).where(
            Document.filename.in_(names), Document.status == DocumentStatus.READY
        )
        return set(await self._session.scalars(statement.with_only_columns(Document.filename)))

    async def find_by_name(self, collection_id: UUID, filename: str) -> Document | None:
        """The living document of this name in the collection, locked for a new version."""
        statement = (
            select(Document)
            .where(Document.collection_id == collection_id, Document.filename == filename, ~Document.is_deleted)
            .with_for_update()
        )
        return await self._session.scalar(statement)

    async def count(self, organization_id: UUID) -> int:
        """Living documents of the organisation, readable or not; what the quota counts."""
        living = select(func.count(Document.id)).where(
            Document.organization_id == organization_id, ~Document.is_deleted
        )
        return await self._session.scalar(living) or 0

    async def list_page(
        self,
        principal: Principal,
        *,
        after: tuple[datetime, UUID] | None,
        limit: int,
        status: DocumentStatus | None,
        query: str,
        document_id: UUID | None = None,
        mine: bool = False,
    ) -> tuple[Sequence[Row[Document, DocumentVersion | None, Collection, str | None]], int]:
        """Newest first: (document, active version, collection, uploader) rows and how many there are in all.

        Args:
            mine: Only what the principal handed in himself: no sample, and nothing from a folder kept in step.
        """
        base = self._readable(principal)
        if mine:
            brought = Document.meta.has_any(array([SAMPLE, FOLDER]))
            base = base.where(Document.user_id == principal.user_id, Document.parent_document_id.is_(None), ~brought)
        if document_id is not None:
            base = base.where(Document.id == document_id)
        if status is not None:
            base = base.where(Document.status == status)
        if query:
            base = base.where(Document.filename.icontains(query, autoescape=True))
        total = await self._session.scalar(base.with_only_columns(func.count(Document.id))) or 0
        if after is not None:
            base = base.where(tuple_(Document.created_at, Document.id) < tuple_(*after))
        statement = (
            base.with_only_columns(Document, DocumentVersion, Collection, User.email)
            .join(Collection, Collection.id == Document.collection_id)
            .outerjoin(User, User.id == Document.user_id)
            .outerjoin(DocumentVersion, DocumentVersion.id == Document.active_version_id)
            .order_by(Document.created_at.desc(), Document.id.desc())
            .limit(limit)
        )
        return (await self._session.execute(statement)).all(), total

    # -- versions

    async def latest_version(self, document_id: UUID) -> DocumentVersion | None:
        """The version with the highest number."""
        statement = (
            select(DocumentVersion)
            .where(DocumentVersion.document_id == document_id)
            .order_by(DocumentVersion.number.desc())
            .limit(1)
        )
        return await self._session.scalar(statement)

    async def get_version(self, document_id: UUID, version_id: UUID, *, principal: Principal) -> DocumentVersion:
        """A version of a readable document.

        Raises:
            NotFoundError: Absent or not readable.
        """
        await self.get(document_id, principal=principal)
        statement = select(DocumentVersion).where(
            DocumentVersion.id == version_id, DocumentVersion.document_id == document_id
        )
        version = await self._session.scalar(statement)
        if version is None:
            raise NotFoundError(f"There is no version {version_id} of that document.")
        return version

    async def is_blob_used(self, file_path: str) -> bool:
        """Whether any version of the organisation still has this file."""
        statement = select(DocumentVersion.id).where(DocumentVersion.file_path == file_path).limit(1)
        return await self._session.scalar(statement) is not None

    async def pages(self, version_id: UUID) -> list[dict[str, object]]:
        """``[{number, label, text}]`` of a version the caller already checked."""
        statement = select(DocumentVersion.pages).where(DocumentVersion.id == version_id)
        pages = await self._session.scalar(statement)
        return [dict(page) for page in pages or [] if isinstance(page, dict)]

    # -- chunks

    async def active_chunks(
        self, principal: Principal, chunk_ids: Ids[UUID], as_of: datetime | None = None
    ) -> dict[UUID, Chunk]:
        """Those of the chunks that the principal may read and whose version is the active one, or was at a moment.

        Every hit of every store passes here before anyone sees it. One statement, so that of a document that is
        switched meanwhile all chunks are old or all are new.
        """
        if not chunk_ids:
            return {}
        readable = self._readable(principal).with_only_columns(Document.id)
        statement = (
            select(*CHUNK_COLUMNS)
            .join(Document, Document.id == DocumentChunk.document_id)
            .join(DocumentVersion, DocumentVersion.id == DocumentChunk.version_id)
            .join(Collection, Collection.id == Document.collection_id)
            .where(
                DocumentChunk.id.in_(chunk_ids),
                ~DocumentChunk.is_deleted,
                Document.id.in_(readable),
                answers(DocumentChunk.__table__.c.version_id, as_of),
            )
        )
        return {row.id: chunk_of(row) for row in await self._session.execute(statement)}

    async def get_chunk(self, chunk_id: UUID, *, principal: Principal) -> tuple[Chunk, bool]:
        """A readable chunk of any version, and whether its version has been superseded.

        Raises:
            NotFoundError: Absent or not readable.
        """
        readable = self._readable(principal).with_only_columns(Document.id)
        statement = (
            select(*CHUNK_COLUMNS)
            .join(Document, Document.id == DocumentChunk.document_id)
            .join(DocumentVersion, DocumentVersion.id == DocumentChunk.version_id)
            .join(Collection, Collection.id == Document.collection_id)
            .where(DocumentChunk.id == chunk_id, Document.id.in_(readable))
        )
        row = (await self._session.execute(statement)).first()
        if row is None:
            raise NotFoundError("That passage is gone, or you may not see it.")
        chunk = chunk_of(row)
        return chunk, chunk.superseded

    async def superseded(self, version_ids: Ids[UUID], *, principal: Principal) -> frozenset[UUID]:
        """Those of the versions in whose place another one answers now; of documents that may be read."""
        readable = self._readable(principal).with_only_columns(Document.id)
        statement = (
            select(DocumentVersion.id)
            .join(Document, Document.id == DocumentVersion.document_id)
            .where(
                DocumentVersion.id.in_(version_ids),
                Document.active_version_id != DocumentVersion.id,
                Document.id.in_(readable),
            )
        )
        return frozenset(await self._session.scalars(statement))

    # -- tasks

    async def latest_tasks(self, document_ids: Ids[UUID]) -> dict[UUID, tuple[Task, DocumentVersion]]:
        """The newest task of each document, with its version."""
        statement = (
            select(Task, DocumentVersion)
            .join(DocumentVersion, DocumentVersion.id == Task.version_id)
            .where(Task.document_id.in_(document_ids))
            .ext(distinct_on(Task.document_id))
            .order_by(Task.document_id, Task.created_at.desc())
        )
        rows = (await self._session.execute(statement)).all()
        return {task.document_id: (task, version) for task, version in rows if task.document_id is not None}

    async def newest_ingestion(self, document_id: UUID) -> Task | None:
        """The newest task by which a version of a document is to answer; a move is none."""
        statement = select(Task).where(Task.document_id == document_id, Task.task_type == TaskType.INGEST)
        return await self._session.scalar(statement.order_by(Task.created_at.desc()).limit(1))

    async def newest_task(self, version_id: UUID) -> Task | None:
        """The newest task of a version."""
        statement = select(Task).where(Task.version_id == version_id).order_by(Task.created_at.desc()).limit(1)
        return await self._session.scalar(statement)

    async def list_tasks(
        self, principal: Principal, *, limit: int, task_id: UUID | None = None
    ) -> Sequence[Row[Task, DocumentVersion]]:
        """Tasks of readable documents, newest first."""
        readable = self._readable(principal).with_only_columns(Document.id)
        statement = (
            select(Task, DocumentVersion)
            .join(DocumentVersion, DocumentVersion.id == Task.version_id)
            .where(Task.document_id.in_(readable))
            .order_by(Task.created_at.desc(), Task.id)
            .limit(limit)
        )
        if task_id is not None:
            statement = statement.where(Task.id == task_id)
        return (await self._session.execute(statement)).all()

    async def queue_positions(self, tasks: Sequence[Task]) -> dict[UUID, int]:
        """Places, from 1, of those of the tasks that wait, among all that wait in the organisation."""
        waiting = [task.id for task in tasks if task.status is TaskStatus.QUEUED]
        if not waiting:
            return {}
        place = func.row_number().over(order_by=(Task.created_at, Task.id)).label("place")
        queue = select(Task.id, place).where(Task.status == TaskStatus.QUEUED).subquery()
        rows = await self._session.execute(select(queue.c.id, queue.c.place).where(queue.c.id.in_(waiting)))
        return {row.id: row.place for row in rows}


def chunk_of(row: Row[*tuple[object, ...]]) -> Chunk:
    """What a row of ``CHUNK_COLUMNS`` says."""
    values = row._mapping
    return Chunk(
        id=values["id"],
        document_id=values["document_id"],
        version_id=values["version_id"],
        version_number=values["number"],
        filename=values["filename"],
        mime_type=values["mime_type"],
        content=values["content"],
        page=values["page"],
        char_start=values["char_start"],
        char_end=values["char_end"],
        index=values["chunk_index"],
        paged=values["paged"],
        page_label=values["page_label"],
        heading_path=tuple(values["heading_path"]),
        context=values["context"],
        language=values["language"],
        collection_id=values["collection_id"],
        confidential=values["data_class"] == DataClass.CONFIDENTIAL,
        superseded=values["active_version_id"] != values["version_id"],
        pages_read=_pages_read(values[PARTIAL]),
    )


def _pages_read(kept: object) -> tuple[int, int] | None:
    return (int(str(kept["done"])), int(str(kept["total"]))) if isinstance(kept, dict) else None
