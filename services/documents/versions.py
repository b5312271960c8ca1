"""Which versions has a document, what is between two of them, and how does an earlier one answer again?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from uuid import UUID

import structlog
from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import ConflictError
from core.identity import Principal, Role, Scope
from db.models import Document, DocumentChunk, DocumentVersion, VersionPeriod
from db.repositories.documents import DocumentRepository
from db.repositories.indexes import IndexRepository
from db.repositories.kept_vectors import KeptVectorsRepository
from db.repositories.lexical import LexicalRepository
from db.repositories.versions import VersionRepository
from db.unit_of_work import Database
from services.audit import ClientInfo, record
from services.documents.version_diff import PageText, difference
from services.search.historical import PastVersions
from services.search_index.chunks import statistics_of
from services.search_index.indexes import Indexes
from services.search_index.term_statistics import LexicalIndex
from services.uploads.activation import activate, is_being_read
from services.uploads.uploads import IngestionService
from services.views.versions import DiffView, PeriodView, RestoreView, VersionView

log = structlog.get_logger(__name__)


class VersionService:
    """Lists, differences and the way back."""

    def __init__(
        self, database: Database, indexes: Indexes, lexical: LexicalIndex, ingestion: IngestionService
    ) -> None:
        self._database = database
        self._past = PastVersions(database, indexes, lexical)
        self._indexes = indexes
        self._ingestion = ingestion

    async def list_all(self, principal: Principal, document_id: UUID) -> tuple[VersionView, ...]:
        """All versions of a document, the newest first.

        Raises:
            NotFoundError: Absent or not readable.
        """
        principal.require(Role.VIEWER)
        async with self._database.transaction(principal.organization_id) as session:
            document = await DocumentRepository(session).get(document_id, principal=principal)
            return await self._views(session, document)

    async def diff(self, principal: Principal, document_id: UUID, before: int, after: int) -> DiffView:
        """What changed from one version to another, page by page, within bounds.

        Raises:
            NotFoundError: Absent or not readable.
            ConflictError: One of them was never read.
        """
        principal.require(Role.VIEWER)
        async with self._database.transaction(principal.organization_id) as session:
            await DocumentRepository(session).get(document_id, principal=principal)
            versions = VersionRepository(session)
            texts = []
            for number in (before, after):
                version = await versions.get(document_id, number, with_pages=True)
                if version.chunk_count is None:
                    raise ConflictError(
                        f"Version {number} was not read, so there is nothing to compare.",
                        next_step="Wait until it is ready, or choose another one.",
                    )
                texts.append(_pages(version))
        names = f"version {before}", f"version {after}"
        found = await asyncio.to_thread(difference, texts[0], texts[1], names)
        return DiffView(
            document_id=document_id,
            from_number=before,
            to_number=after,
            unified="\n".join(found.unified),
            changes=tuple(found.changes),
            pages_unchanged=found.pages_unchanged,
            truncated=found.truncated,
        )

    async def restore(self, principal: Principal, document_id: UUID, number: int, *, client: ClientInfo) -> RestoreView:
        """Make a version answer again: one transaction and no embedding where its vectors are still searched.

        Where they are not, the version is read again and answers afterwards; the receipt says how far that is. Taking
        it back is another restore.

        Raises:
            NotFoundError: No such document or version.
            ConflictError: The document is being read, or the version answers already.
        """
        principal.require(Role.EDITOR, Scope.WRITE)
        async with self._database.transaction(principal.organization_id) as session:
            document = await DocumentRepository(session).get(document_id, principal=principal)
            await session.refresh(document, with_for_update=True)
            version = await VersionRepository(session).get(document_id, number)
            if document.active_version_id == version.id:
                raise ConflictError(f"Version {number} answers already.", next_step="Choose another one.")
            if await is_being_read(session, document_id):
                raise ConflictError("The document is being read right now.", next_step="Wait until it is done.")
            at_once = await self._is_searchable(session, version) or await self._past.bring_back(
                session, document, version
            )
            if at_once:
                await self._switch(session, principal, document, version, client)
                await session.flush()
            views = await self._views(session, document)
        view = next(one for one in views if one.number == number)
        if at_once:
            log.info("version_restored", document_id=str(document_id), number=number)
            return RestoreView(version=view)
        receipt = await self._ingestion.reindex(principal, document_id, number=number, client=client)
        return RestoreView(
            version=view,
            receipt=receipt,
            note=f"No vectors of version {number} are kept; it is read again and answers afterwards.",
        )

    async def _switch(
        self,
        session: AsyncSession,
        principal: Principal,
        document: Document,
        version: DocumentVersion,
        client: ClientInfo,
    ) -> None:
        former = document.active_version_id
        change = (await statistics_of(session, version.id)).minus(await statistics_of(session, former))
        await LexicalRepository(session).add(
            principal.organization_id, change.term_chunks, chunks=change.chunks, terms=change.terms
        )
        await activate(session, document, version)
        record(
            session,
            organization_id=principal.organization_id,
            user_id=principal.user_id,
            action="updated",
            resource_type="document",
            resource_id=document.id,
            client=client,
            before={"active_version_id": str(former) if former else None},
            after={"active_version_id": str(version.id), "restored": version.number},
        )

    async def _is_searchable(self, session: AsyncSession, version: DocumentVersion) -> bool:
        """Whether the version was read and all its vectors lie in the index that is asked first."""
        members = await IndexRepository(session).members({version.id})
        if self._indexes.primary.id not in members.get(version.id, frozenset()):
            return False
        kept = exists().where(DocumentChunk.version_id == version.id, ~DocumentChunk.is_deleted)
        return bool(await session.scalar(select(kept)))

    async def _views(self, session: AsyncSession, document: Document) -> tuple[VersionView, ...]:
        repository = VersionRepository(session)
        versions = await repository.all(document.id)
        ids = {version.id for version in versions}
        members = await IndexRepository(session).members(ids)
        inside = {one for one, indexes in members.items() if self._indexes.primary.id in indexes}
        at_once = inside | await KeptVectorsRepository(session).versions(ids, self._indexes.primary.model)
        periods: dict[UUID, list[VersionPeriod]] = {}
        for period in await repository.periods(document.id):
            periods.setdefault(period.version_id, []).append(period)
        return tuple(_view(version, document, periods, version.id in at_once) for version in versions)


def _view(
    version: DocumentVersion, document: Document, periods: Mapping[UUID, list[VersionPeriod]], at_once: bool
) -> VersionView:
    return VersionView(
        id=version.id,
        number=version.number,
        filename=version.filename,
        mime_type=version.mime_type,
        size_bytes=version.file_size,
        content_hash=version.content_hash,
        pages=version.page_count,
        chunks=version.chunk_count,
        created_at=version.created_at,
        answers=version.id == document.active_version_id,
        periods=tuple(
            PeriodView(valid_from=period.valid_from, valid_to=period.valid_to) for period in periods.get(version.id, [])
        ),
        at_once=at_once,
        error_message=version.error_message,
    )


def _pages(version: DocumentVersion) -> list[PageText]:
    pages = [page for page in version.pages if isinstance(page, dict)]
    return [PageText(int(str(page["number"])), str(page["label"]), str(page["text"])) for page in pages]
