"""What of an organisation lies in each store?

All that has its id, whoever made it and whenever; only the audit log, its receipts and settings stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from uuid import UUID

from sqlalchemy import func, select

from core.types import VectorFilter
from db.models import Document
from plugins.interfaces import VectorDBProvider
from services.deletion.inventory import batches, organization_tables
from services.deletion.scope import Scope
from services.search_index.indexes import Index


class OrganizationScope(Scope):
    """Everything in the organisation, and its own row; takes a role that sees all of them."""

    async def count_rows(self) -> dict[str, int]:
        """Of every table."""
        async with self._transactions() as session:
            return {
                table.name: await session.scalar(select(func.count()).select_from(table).where(self._mine(table))) or 0
                for table in organization_tables()
            }

    async def remove_rows(self, unreached: Set[str]) -> None:
        """Its own row last, by which its operator finds it.

        None goes while a store is away: they say which vectors are its.
        """
        if unreached:
            return
        for table in reversed(organization_tables()):
            async with self._transactions() as session:
                await session.execute(table.delete().where(self._mine(table)))

    def filters(self) -> Iterator[VectorFilter]:
        """All that is its."""
        yield VectorFilter(self._organization_id)

    async def remove_known_vectors(self, index: Index, store: VectorDBProvider) -> None:
        """Of the documents that rows know of."""
        statement = select(Document.id).where(Document.organization_id == self._organization_id)
        async with self._transactions() as session:
            documents = list(await session.scalars(statement))
        for some in batches(documents):
            await store.delete_documents(index.collection, some, self._organization_id)

    async def count_files(self) -> int:
        """All in its folder, unfinished ones too."""
        return await self.stores.blobs.count(self._organization_id)

    async def remove_files(self) -> None:
        """The whole folder."""
        await self.stores.blobs.delete_all(self._organization_id)

    async def count_jobs(self) -> int:
        """Whatever the task."""
        return await self.stores.queue.count_of(self._organization_id)

    async def forget_jobs(self) -> None:
        """Whatever the task."""
        await self.stores.queue.forget(self._organization_id)

    def ids(self) -> Iterator[UUID]:
        """Only its own."""
        yield self._organization_id
