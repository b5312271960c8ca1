"""What does everything that can be deleted have in common, store by store?

A scope says what of a store belongs to the subject of a receipt, how much of it is there, and how it goes. It knows no
order and keeps no count: those are the engine's, ``services.deletion.purge``. Every step can be repeated.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Set
from contextlib import AbstractAsyncContextManager
from uuid import UUID

import numpy as np
from sqlalchemy import ColumnElement, Table
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import ProviderUnavailableError
from core.types import VectorFilter
from plugins.interfaces import VectorDBProvider
from services.deletion.inventory import DataInventory, Stores
from services.search_index.indexes import Index

HITS = 500
_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Transactions = Callable[[], AbstractAsyncContextManager[AsyncSession]]
"""Opens a transaction that sees the organisation, by whichever role."""


class Scope(ABC):
    """One subject in all stores.

    Args:
        transactions: Over the rows of the organisation.
        inventory: What its receipt names.
    """

    def __init__(
        self, transactions: Transactions, stores: Stores, organization_id: UUID, inventory: DataInventory
    ) -> None:
        self._transactions = transactions
        self.stores = stores
        self._organization_id = organization_id
        self._inventory = inventory

    # -- rows

    @abstractmethod
    async def count_rows(self) -> dict[str, int]:
        """How many there are, by table; tables without one may be left out."""

    @abstractmethod
    async def remove_rows(self, unreached: Set[str]) -> None:
        """Remove them; what points at others goes before these.

        Args:
            unreached: Stores that did not answer this time.
        """

    # -- vectors

    @abstractmethod
    def filters(self) -> Iterator[VectorFilter]:
        """Filters that admit its vectors; one without document ids also those that no row knows of any more."""

    @abstractmethod
    async def remove_known_vectors(self, index: Index, store: VectorDBProvider) -> None:
        """Remove those of documents and versions whose ids are known."""

    async def count_vectors(self, index: Index) -> int:
        """How many there are.

        Raises:
            ProviderUnavailableError: The store does not run, and held some.
        """
        store = self._running(index)
        if store is None:
            return 0
        by_document = by_scope = 0
        for some in self.filters():
            size = await store.count(index.collection, some)
            if some.document_ids is None:
                by_scope += size
            else:
                by_document += size
        # Mostly the same vectors, seen twice.
        return max(by_document, by_scope)

    async def remove_vectors(self, index: Index) -> None:
        """Remove them.

        Raises:
            ProviderUnavailableError: The store does not run, and held some.
        """
        store = self._running(index)
        if store is None:
            return
        await self.remove_known_vectors(index, store)
        for some in self.filters():
            if some.document_ids is None:
                await remove_strays(index, some)

    def _running(self, index: Index) -> VectorDBProvider | None:
        if index.vectors is None and index.id in self._inventory.indexes:
            raise ProviderUnavailableError(f"The vector store {index.store} does not run.")
        return index.vectors

    # -- files

    @abstractmethod
    async def count_files(self) -> int:
        """How many there are that nothing else has."""

    @abstractmethod
    async def remove_files(self) -> None:
        """Remove them."""

    # -- Redis

    @abstractmethod
    async def count_jobs(self) -> int:
        """How many entries of the queue are for it."""

    @abstractmethod
    async def forget_jobs(self) -> None:
        """Take them out of the queue."""

    @abstractmethod
    def ids(self) -> Iterator[UUID]:
        """Ids by which keys of Redis name it."""

    async def redis_keys(self) -> AsyncIterator[bytes]:
        """Keys that name one of the ids."""
        wanted = {str(one).encode() for one in self.ids()}
        async for key in self.stores.redis.scan_iter(match="*-*-*-*-*", count=1000):
            name = key.encode() if isinstance(key, str) else key
            if not wanted.isdisjoint(_ID.findall(name)):
                yield name

    def _mine(self, table: Table) -> ColumnElement[bool]:
        return table.c.organization_id == self._organization_id


async def remove_strays(index: Index, scope: VectorFilter) -> None:
    """Remove every vector that a filter admits, also those of documents that no row knows of."""
    if index.vectors is None or index.embedding is None:
        return
    anywhere = np.ones(index.embedding.get_dimension(), np.float32)
    while hits := await index.vectors.search(index.collection, anywhere, HITS, scope):
        documents = list({hit.payload.document_id for hit in hits})
        await index.vectors.delete_documents(index.collection, documents, scope.organization_id)
