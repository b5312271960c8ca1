"""Which documents answer, of which kinds, under which names, and what do they say from beginning to end?"""

from __future__ import annotations

from collections.abc import Collection as Ids
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.identity import Principal
from core.types import Chunk
from db.models import Collection, Document, DocumentChunk, DocumentVersion
from db.repositories.documents import CHUNK_COLUMNS, DocumentRepository, chunk_of
from db.repositories.versions import answers


class Titled(NamedTuple):
    """A document that answers, by its names: that of its file and its first heading."""

    document_id: UUID
    filename: str
    mime_type: str
    heading: str


class LibraryRepository:
    """Documents as wholes, inside the caller's transaction; never commits.

    Every question is asked of what the principal may read, and of the versions that answer, or did at a moment.
    """

    def __init__(self, session: AsyncSession, principal: Principal, as_of: datetime | None = None) -> None:
        self._session = session
        self._principal = principal
        self._as_of = as_of

    def _answering(
        self, collection_ids: Ids[UUID] | None = None, document_ids: Ids[UUID] | None = None
    ) -> Select[Document]:
        statement = (
            DocumentRepository(self._session)
            .readable(self._principal)
            .join(DocumentVersion, DocumentVersion.document_id == Document.id)
            .where(answers(DocumentVersion.__table__.c.id, self._as_of))
        )
        if collection_ids is not None:
            statement = statement.where(Document.collection_id.in_(collection_ids))
        if document_ids is not None:
            statement = statement.where(Document.id.in_(document_ids))
        return statement

    async def kinds(self, collection_ids: Ids[UUID] | None, document_ids: Ids[UUID] | None) -> dict[str, int]:
        """MIME type → how many documents, most first."""
        count = func.count(Document.id)
        statement = (
            self._answering(collection_ids, document_ids)
            .with_only_columns(DocumentVersion.mime_type, count)
            .group_by(DocumentVersion.mime_type)
            .order_by(count.desc(), DocumentVersion.mime_type)
        )
        return {row[0]: row[1] for row in await self._session.execute(statement)}

    async def titled(
        self,
        collection_ids: Ids[UUID] | None,
        document_ids: Ids[UUID] | None,
        *,
        limit: int,
        words: Sequence[str] | None = None,
    ) -> list[Titled]:
        """The newest first; with ``words`` those only whose file name or first heading has one of them."""
        first = (
            select(DocumentChunk.heading_path[0].astext)
            .where(DocumentChunk.version_id == DocumentVersion.id, DocumentChunk.chunk_index == 0)
            .where(~DocumentChunk.is_deleted)
            .scalar_subquery()
        )
        statement = self._answering(collection_ids, document_ids).with_only_columns(
            Document.id, DocumentVersion.filename, DocumentVersion.mime_type, first.label("heading")
        )
        if words is not None:
            said: list[ColumnElement[bool]] = [
                DocumentVersion.filename.icontains(one, autoescape=True) for one in words
            ]
            said += [first.icontains(one, autoescape=True) for one in words]
            statement = statement.where(or_(False, *said))
        rows = await self._session.execute(statement.order_by(Document.created_at.desc(), Document.id).limit(limit))
        return [Titled(row.id, row.filename, row.mime_type, row.heading or "") for row in rows]

    async def chunks(
        self, document_id: UUID, collection_ids: Ids[UUID] | None, document_ids: Ids[UUID] | None, *, limit: int
    ) -> list[Chunk]:
        """The first chunks of a document in their order."""
        allowed = self._answering(collection_ids, document_ids).where(Document.id == document_id)
        statement = (
            select(*CHUNK_COLUMNS)
            .join(Document, Document.id == DocumentChunk.document_id)
            .join(DocumentVersion, DocumentVersion.id == DocumentChunk.version_id)
            .join(Collection, Collection.id == Document.collection_id)
            .where(
                ~DocumentChunk.is_deleted,
                DocumentChunk.version_id.in_(allowed.with_only_columns(DocumentVersion.id)),
            )
            .order_by(DocumentChunk.chunk_index)
            .limit(limit)
        )
        return [chunk_of(row) for row in await self._session.execute(statement)]
