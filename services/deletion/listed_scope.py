"""What of a document, version, collection or person lies in each store?

All that its receipt lists by id, and nothing that something else has too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from datetime import datetime
from uuid import UUID

import numpy as np
from sqlalchemy import ColumnElement, Table, all_, any_, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.types import VectorFilter
from db.models import DocumentVersion, Organization, SemanticCacheEntry
from plugins.interfaces import VectorDBProvider
from services.deletion.inventory import DataInventory, Stores, batches, conditions, id_array, pointers
from services.deletion.scope import Scope, Transactions
from services.search_index.indexes import Index

ROWS = 50
"""Documents whose rows go in one statement; a long one has thousands of chunks."""


class ListedScope(Scope):
    """The ids and files of an inventory.

    Args:
        since: Answers cached before may quote it.
    """

    def __init__(
        self,
        transactions: Transactions,
        stores: Stores,
        organization_id: UUID,
        inventory: DataInventory,
        since: datetime,
    ) -> None:
        super().__init__(transactions, stores, organization_id, inventory)
        self._since = since

    # -- rows

    async def count_rows(self) -> dict[str, int]:
        """Rows that have one of the ids, or point at one."""
        found: Counter[str] = Counter()
        async with self._transactions() as session:
            for table, condition in conditions(self._inventory):
                count = select(func.count()).select_from(table).where(self._mine(table), condition)
                found[table.name] += await session.scalar(count) or 0
            if self._inventory.documents:
                quoting = select(func.count(SemanticCacheEntry.id)).where(self._cached())
                found["semantic_cache"] += await session.scalar(quoting) or 0
        return found

    async def remove_rows(self, unreached: Set[str]) -> None:
        """What was deleted, those first that point at others; all else that points at it goes with it."""
        async with self._transactions() as session:
            if self._inventory.documents:
                await session.execute(delete(SemanticCacheEntry).where(self._cached()))
        for table, _ in reversed(list(conditions(self._inventory))):
            await self._disown(table)
            ids = self._inventory.of_table().get(table.name, ())
            for some in batches(ids, ROWS):
                async with self._transactions() as session:
                    await session.execute(table.delete().where(self._mine(table), table.c.id == any_(id_array(some))))

    async def _disown(self, table: Table) -> None:
        """What may belong to nobody stays when its person goes."""
        async with self._transactions() as session:
            for column, target in pointers(table):
                if target == "users" and table.c[column].nullable:
                    theirs = table.c[column] == any_(id_array(self._inventory.users))
                    await session.execute(table.update().where(self._mine(table), theirs).values({column: None}))

    def _cached(self) -> ColumnElement[bool]:
        """Cached answers that may quote what was deleted."""
        return (SemanticCacheEntry.organization_id == self._organization_id) & (
            SemanticCacheEntry.created_at <= self._since
        )

    # -- vectors

    def filters(self) -> Iterator[VectorFilter]:
        """By document, and by collection; single versions have none."""
        for some in batches(self._inventory.documents):
            yield VectorFilter(self._organization_id, document_ids=frozenset(some))
        if self._inventory.collections:
            # Of documents that no row knew of any more.
            yield VectorFilter(self._organization_id, collection_ids=frozenset(self._inventory.collections))

    async def count_vectors(self, index: Index) -> int:
        """Those of versions that go alone, while their documents stay, are counted too."""
        return await super().count_vectors(index) + await self._count_of_versions(index)

    async def _count_of_versions(self, index: Index) -> int:
        if not self._inventory.parents or index.vectors is None or index.embedding is None:
            return 0
        scope = VectorFilter(self._organization_id, document_ids=frozenset(self._inventory.parents))
        size = await index.vectors.count(index.collection, scope)
        anywhere = np.ones(index.embedding.get_dimension(), np.float32)
        hits = await index.vectors.search(index.collection, anywhere, size, scope) if size else []
        return sum(hit.payload.version_id in self._inventory.versions for hit in hits)

    async def remove_known_vectors(self, index: Index, store: VectorDBProvider) -> None:
        """By document, or by version where the document stays."""
        for some in batches(self._inventory.documents):
            await store.delete_documents(index.collection, some, self._organization_id)
        if self._inventory.parents:
            for version_id in self._inventory.versions:
                await store.delete_version(index.collection, version_id, self._organization_id)

    # -- files

    async def count_files(self) -> int:
        """Those that lie there."""
        async with self._transactions() as session:
            unused = [path for some in batches(self._inventory.files) for path in await self._unused(session, some)]
        return len([path for path in unused if self.stores.blobs.has(path)])

    async def remove_files(self) -> None:
        """Another document may have the same content, and the same file."""
        for some in batches(self._inventory.files):
            async with self._transactions() as session:
                # Uploads hold this row: what is unused here stays so until it is gone.
                await session.get(Organization, self._organization_id, with_for_update=True)
                for path in await self._unused(session, some):
                    await self.stores.blobs.delete(path)

    async def _unused(self, session: AsyncSession, paths: Sequence[str]) -> list[str]:
        statement = select(DocumentVersion.file_path).where(
            DocumentVersion.organization_id == self._organization_id,
            DocumentVersion.file_path.in_(paths),
            DocumentVersion.id != all_(id_array(self._inventory.versions)),
        )
        used = set(await session.scalars(statement))
        return [path for path in paths if path not in used]

    # -- Redis

    async def count_jobs(self) -> int:
        """Of its tasks."""
        return await self.stores.queue.count_tasks(self._inventory.tasks)

    async def forget_jobs(self) -> None:
        """Of its tasks."""
        await self.stores.queue.forget_tasks(self._inventory.tasks)

    def ids(self) -> Iterator[UUID]:
        """All of them."""
        for ids in self._inventory.of_table().values():
            yield from ids
