"""Which version of a document answers, which answered when, and which are much alike?"""

from __future__ import annotations

from collections.abc import Collection as Ids
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, delete, exists, func, insert, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from core.errors import NotFoundError
from db.models import Collection, Document, DocumentVersion, IndexedVersion, VersionBand, VersionPeriod

_NOW = text("SELECT clock_timestamp()")
_END = text(
    "SELECT greatest(clock_timestamp(), valid_from + interval '1 microsecond') FROM version_periods WHERE id = :id"
)


def answers(version_id: ColumnElement[UUID], as_of: datetime | None) -> ColumnElement[bool]:
    """Whether a version of ``Document`` is the one that answers: now, or at that moment."""
    if as_of is None:
        return Document.active_version_id == version_id
    return exists().where(VersionPeriod.version_id == version_id, _at(as_of))


def _at(moment: datetime) -> ColumnElement[bool]:
    """A period that holds the moment; its first instant belongs to it, its end to the next."""
    return (VersionPeriod.valid_from <= moment) & or_(VersionPeriod.valid_to.is_(None), VersionPeriod.valid_to > moment)


class VersionRepository:
    """Versions, inside the caller's transaction; never commits. The caller checked who may read the document."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    # -- of one document

    async def all(self, document_id: UUID) -> Sequence[DocumentVersion]:
        """The newest first."""
        statement = select(DocumentVersion).where(DocumentVersion.document_id == document_id)
        return (await self._session.scalars(statement.order_by(DocumentVersion.number.desc()))).all()

    async def get(self, document_id: UUID, number: int, *, with_pages: bool = False) -> DocumentVersion:
        """One by its number.

        Raises:
            NotFoundError: The document has no such version.
        """
        statement = select(DocumentVersion).where(
            DocumentVersion.document_id == document_id, DocumentVersion.number == number
        )
        if with_pages:
            statement = statement.options(undefer(DocumentVersion.pages))
        version = await self._session.scalar(statement)
        if version is None:
            raise NotFoundError(
                f"The document has no version {number}.", next_step="GET its versions to see which there are."
            )
        return version

    async def with_content(self, document_id: UUID, content_hash: str) -> DocumentVersion | None:
        """The newest of a document that has exactly this content."""
        statement = (
            select(DocumentVersion)
            .where(DocumentVersion.document_id == document_id, DocumentVersion.content_hash == content_hash)
            .order_by(DocumentVersion.number.desc())
            .limit(1)
        )
        return await self._session.scalar(statement)

    async def periods(self, document_id: UUID) -> Sequence[VersionPeriod]:
        """When which version answered, in order."""
        statement = select(VersionPeriod).where(VersionPeriod.document_id == document_id)
        return (await self._session.scalars(statement.order_by(VersionPeriod.valid_from))).all()

    async def activate(self, document: Document, version: DocumentVersion) -> datetime:
        """Close the open period of the document and open one of the version; the caller holds the document's row.

        Returns the moment, by the clock of the database: those of several workers may differ. Where the version
        answers already nothing is written.
        """
        statement = select(VersionPeriod).where(
            VersionPeriod.document_id == document.id, VersionPeriod.valid_to.is_(None)
        )
        current = await self._session.scalar(statement)
        if current is not None and current.version_id == version.id:
            return current.valid_from
        if current is None:
            now: datetime = (await self._session.execute(_NOW)).scalar_one()
        else:
            # A clock that was set back must not end a period before it began.
            now = (await self._session.execute(_END, {"id": current.id})).scalar_one()
            current.valid_to = now
            await self._session.flush()
        self._session.add(
            VersionPeriod(
                organization_id=document.organization_id, document_id=document.id, version_id=version.id, valid_from=now
            )
        )
        return now

    # -- of many

    async def count_answering(
        self, collection_ids: Ids[UUID], as_of: datetime | None, document_ids: Ids[UUID] | None = None
    ) -> tuple[int, datetime]:
        """Documents of these collections of which a version answers, and the time by the clock of the database.

        With ``document_ids`` those alone are counted.
        """
        statement = _living(collection_ids).with_only_columns(func.count(Document.id), func.clock_timestamp())
        if document_ids is not None:
            statement = statement.where(Document.id.in_(document_ids))
        if as_of is None:
            statement = statement.where(Document.active_version_id.is_not(None))
        else:
            statement = statement.where(exists().where(VersionPeriod.document_id == Document.id, _at(as_of)))
        row = (await self._session.execute(statement)).one()
        return row[0], row[1]

    async def count_inside(self, collection_ids: Ids[UUID], as_of: datetime | None, index_ids: Ids[UUID]) -> int:
        """Of these documents, those whose answering version has its vectors in one of the indexes."""
        inside = exists().where(IndexedVersion.version_id == DocumentVersion.id, IndexedVersion.index_id.in_(index_ids))
        statement = (
            _living(collection_ids)
            .with_only_columns(func.count(Document.id))
            .join(DocumentVersion, DocumentVersion.document_id == Document.id)
            .where(answers(DocumentVersion.__table__.c.id, as_of), inside)
        )
        return await self._session.scalar(statement) or 0

    async def past(
        self, collection_ids: Ids[UUID], as_of: datetime, index_ids: Ids[UUID]
    ) -> Sequence[Row[UUID, UUID, UUID, bool]]:
        """(version_id, document_id, collection_id, inside) of versions that answered then and leave the indexes.

        Those that lie in none of them, and those that answer no more: one that is still ``inside`` may be gone from
        there before it is searched.
        """
        inside = exists().where(IndexedVersion.version_id == DocumentVersion.id, IndexedVersion.index_id.in_(index_ids))
        statement = (
            _living(collection_ids)
            .with_only_columns(DocumentVersion.id.label("version_id"), Document.id.label("document_id"))
            .add_columns(Document.collection_id, inside.label("inside"))
            .join(DocumentVersion, DocumentVersion.document_id == Document.id)
            .where(
                answers(DocumentVersion.__table__.c.id, as_of),
                or_(~inside, Document.active_version_id.is_distinct_from(DocumentVersion.id)),
            )
            .order_by(DocumentVersion.id)
        )
        return (await self._session.execute(statement)).all()

    async def documents_at(self, collection_ids: Ids[UUID], as_of: datetime, *, limit: int) -> frozenset[UUID] | None:
        """Documents that answered at that moment; None when there are more than ``limit``."""
        statement = (
            _living(collection_ids)
            .with_only_columns(Document.id)
            .where(exists().where(VersionPeriod.document_id == Document.id, _at(as_of)))
            .limit(limit + 1)
        )
        found = frozenset((await self._session.scalars(statement)).all())
        return found if len(found) <= limit else None

    async def changed_since(self, document_ids: Ids[UUID], moment: datetime) -> bool:
        """Whether one of the documents was written or handed over since then."""
        if not document_ids:
            return False
        handed = exists().where(VersionPeriod.document_id == Document.id, VersionPeriod.valid_from >= moment)
        statement = (
            select(Document.id)
            .where(Document.id.in_(document_ids), or_(Document.indexed_at >= moment, handed))
            .limit(1)
        )
        return await self._session.scalar(statement) is not None

    # -- much alike

    async def signature(self, version_id: UUID) -> bytes | None:
        """That of a version's text, if it has one."""
        return await self._session.scalar(select(DocumentVersion.signature).where(DocumentVersion.id == version_id))

    async def replace_bands(self, version: DocumentVersion, bands: Iterable[int]) -> None:
        """The bands by which a version is found from now on."""
        await self._session.execute(delete(VersionBand).where(VersionBand.version_id == version.id))
        rows = [{"organization_id": version.organization_id, "version_id": version.id, "band": band} for band in bands]
        if rows:
            await self._session.execute(insert(VersionBand), rows)

    async def same_content(
        self, readable: Select[Document], document_id: UUID, content_hash: str, *, limit: int
    ) -> Sequence[Row[Document, DocumentVersion, str]]:
        """Other readable documents whose answering version has exactly this content, with their collections."""
        return (
            await self._session.execute(
                _others(readable, document_id).where(DocumentVersion.content_hash == content_hash).limit(limit)
            )
        ).all()

    async def sharing_bands(
        self, readable: Select[Document], document_id: UUID, bands: Ids[int], *, limit: int
    ) -> Sequence[Row[Document, DocumentVersion, str]]:
        """Other readable documents whose answering version shares bands with these, most shared first."""
        shared = (
            select(VersionBand.version_id, func.count().label("bands"))
            .where(VersionBand.band.in_(bands))
            .group_by(VersionBand.version_id)
            .subquery()
        )
        statement = (
            _others(readable, document_id)
            .options(undefer(DocumentVersion.signature))
            .join(shared, shared.c.version_id == DocumentVersion.id)
            .order_by(shared.c.bands.desc(), Document.id)
            .limit(limit)
        )
        return (await self._session.execute(statement)).all()


def _living(collection_ids: Ids[UUID]) -> Select[Document]:
    return select(Document).where(Document.collection_id.in_(collection_ids), ~Document.is_deleted)


def _others(readable: Select[Document], document_id: UUID) -> Select[Document, DocumentVersion, str]:
    return (
        readable.with_only_columns(Document, DocumentVersion, Collection.name)
        .join(DocumentVersion, DocumentVersion.id == Document.active_version_id)
        .join(Collection, Collection.id == Document.collection_id)
        .where(Document.id != document_id)
    )
