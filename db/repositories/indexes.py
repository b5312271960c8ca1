"""Which indexes are there, and which versions lie in them?"""

from __future__ import annotations

from collections.abc import Collection as Ids
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import IndexedVersion, SearchIndex

NOBODY = UUID(int=0)
_ONE_AT_A_TIME = 4242004


class IndexRepository:
    """Indexes, inside the caller's transaction; never commits. Their rows belong to the zero organisation."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def all(self) -> Sequence[SearchIndex]:
        """Every index, oldest first; those that are retired too."""
        return (await self._session.scalars(select(SearchIndex).order_by(SearchIndex.created_at))).all()

    async def lock(self) -> None:
        """Until the end of the transaction nobody else makes indexes."""
        await self._session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})

    async def add(self, *, store: str, collection: str, model: str) -> SearchIndex:
        """A new index, empty."""
        row = SearchIndex(organization_id=NOBODY, store=store, collection=collection, model=model, plugins={})
        self._session.add(row)
        await self._session.flush()
        return row

    async def progress(self, chunking: str) -> tuple[dict[UUID, tuple[int, int]], int]:
        """Over all organisations: documents in each index, and of them cut by these rules; documents in all."""
        columns = text("index_id, documents, as_wanted FROM index_progress(:chunking)")
        rows = (await self._session.execute(select(columns), {"chunking": chunking})).all()
        inside = {row[0]: (row[1], row[2]) for row in rows if row[0] is not None}
        return inside, sum(row[1] for row in rows if row[0] is None)

    async def moved_since(self, moment: datetime) -> int:
        """How many documents were moved to another index since then."""
        return await self._session.scalar(select(func.documents_moved_since(moment))) or 0

    # -- of the organisation of the transaction

    async def join(self, organization_id: UUID, version_id: UUID, index_ids: Ids[UUID]) -> None:
        """All vectors of the version are in these indexes now."""
        rows = [{"organization_id": organization_id, "version_id": version_id, "index_id": one} for one in index_ids]
        if rows:
            await self._session.execute(insert(IndexedVersion).values(rows).on_conflict_do_nothing())

    async def leave(self, version_id: UUID, index_ids: Ids[UUID]) -> None:
        """Its vectors in these indexes are no longer whole."""
        await self._session.execute(
            delete(IndexedVersion).where(
                IndexedVersion.version_id == version_id, IndexedVersion.index_id.in_(index_ids)
            )
        )

    async def members(self, version_ids: Ids[UUID]) -> dict[UUID, frozenset[UUID]]:
        """In which indexes each of the versions lies."""
        rows = await self._session.execute(
            select(IndexedVersion.version_id, IndexedVersion.index_id).where(IndexedVersion.version_id.in_(version_ids))
        )
        found: dict[UUID, set[UUID]] = {}
        for row in rows:
            found.setdefault(row.version_id, set()).add(row.index_id)
        return {version: frozenset(indexes) for version, indexes in found.items()}
