"""What is left of something that was deleted, in every store?

Which tables and columns are looked at follows from the models, so that a table made later is not forgotten.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Self, TypeVar
from uuid import UUID

import numpy as np
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import ColumnElement, Table, Uuid, all_, any_, func, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import DatabaseError, KnowledgeFoundryError, ProviderUnavailableError
from core.types import JsonValue, VectorFilter
from db.base import Base
from db.models import DocumentVersion, IndexedVersion, SemanticCacheEntry, Task
from services.blobs import BlobStore
from services.search_index.indexes import Index, Indexes
from services.tasks.queue import JobQueue

log = structlog.get_logger(__name__)

KEPT = frozenset({"audit_logs", "deletion_receipts", "settings_versions"})
"""Ids and digests; what says that it is gone; and settings, which are the installation's whoever saved them."""
BATCH = 500
FILES, REDIS = "files", "Redis"
_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

T = TypeVar("T")
Transactions = Callable[[], AbstractAsyncContextManager[AsyncSession]]
"""Opens a transaction that sees the organisation, by whichever role."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that leaves traces, beside PostgreSQL."""

    indexes: Indexes
    blobs: BlobStore
    queue: JobQueue
    redis: Redis


@dataclass(frozen=True, slots=True)
class DataInventory:
    """Ids of all that goes together, and the files it had; kept in the receipt, so that anybody can finish it.

    Attributes:
        parents: Documents that stay, of which versions go.
        indexes: That held vectors of it when it stopped answering.
        files: Paths in the file store, which are digests.
    """

    collections: tuple[UUID, ...] = ()
    documents: tuple[UUID, ...] = ()
    versions: tuple[UUID, ...] = ()
    users: tuple[UUID, ...] = ()
    tasks: tuple[UUID, ...] = ()
    parents: tuple[UUID, ...] = ()
    indexes: tuple[UUID, ...] = ()
    files: tuple[str, ...] = ()

    def packed(self) -> dict[str, JsonValue]:
        """As JSON."""
        return {field.name: [str(one) for one in getattr(self, field.name)] for field in fields(self)}

    @classmethod
    def unpacked(cls, data: Mapping[str, JsonValue]) -> Self:
        """The same again."""
        found: dict[str, tuple[UUID, ...] | tuple[str, ...]] = {}
        for field in fields(cls):
            values = data.get(field.name)
            texts = tuple(str(value) for value in values) if isinstance(values, list) else ()
            found[field.name] = texts if field.name == "files" else tuple(UUID(text) for text in texts)
        return cls(**found)  # type: ignore[arg-type]  # by name, as packed

    def of_table(self) -> dict[str, tuple[UUID, ...]]:
        """Ids by the table they are keys of."""
        return {
            "collections": self.collections,
            "documents": self.documents,
            "document_versions": self.versions,
            "users": self.users,
            "tasks": self.tasks,
        }


async def of_documents(session: AsyncSession, documents: Sequence[UUID], *, of_one: DataInventory) -> DataInventory:
    """``of_one`` with everything that belongs to these documents."""
    versions = list(
        await session.execute(
            select(DocumentVersion.id, DocumentVersion.file_path).where(
                DocumentVersion.document_id == any_(id_array(documents))
            )
        )
    )
    tasks = await session.scalars(select(Task.id).where(Task.document_id == any_(id_array(documents))))
    version_ids = tuple(row.id for row in versions)
    return replace(
        of_one,
        documents=tuple(documents),
        versions=version_ids,
        tasks=tuple(tasks),
        indexes=await holding(session, version_ids),
        files=tuple(sorted({row.file_path for row in versions})),
    )


async def holding(session: AsyncSession, versions: Sequence[UUID]) -> tuple[UUID, ...]:
    """Indexes that hold one of the versions."""
    statement = select(IndexedVersion.index_id).where(IndexedVersion.version_id == any_(id_array(versions))).distinct()
    return tuple(await session.scalars(statement))


class ResidualScan:
    """Looks for traces everywhere.

    Args:
        since: Answers cached before may quote it.
    """

    def __init__(
        self, transactions: Transactions, stores: Stores, organization_id: UUID, traces: DataInventory, since: datetime
    ) -> None:
        self._transactions = transactions
        self._stores = stores
        self._organization_id = organization_id
        self._traces = traces
        self._since = since

    async def run(self) -> tuple[Counter[str], frozenset[str]]:
        """(how many of each kind are found, by store and table; stores that did not answer).

        Raises:
            DatabaseError: PostgreSQL does not answer, without which nothing is known.
        """
        unreached: set[str] = set()
        found = await self._rows()
        for index in self._stores.indexes.known:
            with noting(unreached, index.store):
                found[f"vectors in {index.store}"] += await self._vectors(index)
        with noting(unreached, FILES):
            found["files"] = len([path for path in await self.unused_files() if self._stores.blobs.has(path)])
        with noting(unreached, REDIS):
            found["redis"] = len([key async for key in self.redis_keys()])
            found["jobs"] = await self._stores.queue.count_tasks(self._traces.tasks)
        return +found, frozenset(unreached)

    async def _rows(self) -> Counter[str]:
        found: Counter[str] = Counter()
        async with self._transactions() as session:
            for table, condition in conditions(self._traces):
                mine = table.c.organization_id == self._organization_id
                count = select(func.count()).select_from(table).where(mine, condition)
                found[table.name] += await session.scalar(count) or 0
            if self._traces.documents:
                found["semantic_cache"] += (
                    await session.scalar(select(func.count(SemanticCacheEntry.id)).where(self.cached())) or 0
                )
        return found

    def cached(self) -> ColumnElement[bool]:
        """Cached answers that may quote what was deleted."""
        return (SemanticCacheEntry.organization_id == self._organization_id) & (
            SemanticCacheEntry.created_at <= self._since
        )

    async def _vectors(self, index: Index) -> int:
        if index.vectors is None:
            if index.id in self._traces.indexes:
                raise ProviderUnavailableError(f"The vector store {index.store} does not run.")
            return 0
        by_document = by_collection = 0
        for scope in self.scopes():
            size = await index.vectors.count(index.collection, scope)
            if scope.collection_ids is None:
                by_document += size
            else:
                by_collection += size
        # Mostly the same vectors, seen twice.
        return max(by_document, by_collection) + await self._of_versions(index)

    def scopes(self) -> Iterator[VectorFilter]:
        """Filters that admit the vectors of everything but single versions."""
        for some in batches(self._traces.documents):
            yield VectorFilter(self._organization_id, document_ids=frozenset(some))
        if self._traces.collections:
            # Of documents that no row knew of any more.
            yield VectorFilter(self._organization_id, collection_ids=frozenset(self._traces.collections))

    async def _of_versions(self, index: Index) -> int:
        """Vectors of versions that go alone, while their documents stay."""
        if not self._traces.parents or index.vectors is None or index.embedding is None:
            return 0
        scope = VectorFilter(self._organization_id, document_ids=frozenset(self._traces.parents))
        size = await index.vectors.count(index.collection, scope)
        anywhere = np.ones(index.embedding.get_dimension(), np.float32)
        hits = await index.vectors.search(index.collection, anywhere, size, scope) if size else []
        return sum(hit.payload.version_id in self._traces.versions for hit in hits)

    async def unused_files(self) -> list[str]:
        """Files that nothing else has."""
        async with self._transactions() as session:
            return [path for some in batches(self._traces.files) for path in await self.unused(session, some)]

    async def unused(self, session: AsyncSession, paths: Sequence[str]) -> list[str]:
        """Those of these files."""
        statement = select(DocumentVersion.file_path).where(
            DocumentVersion.organization_id == self._organization_id,
            DocumentVersion.file_path.in_(paths),
            DocumentVersion.id != all_(id_array(self._traces.versions)),
        )
        used = set(await session.scalars(statement))
        return [path for path in paths if path not in used]

    async def redis_keys(self) -> AsyncIterator[bytes]:
        """Keys that name one of the ids."""
        wanted = {str(one).encode() for ids in self._traces.of_table().values() for one in ids}
        async for key in self._stores.redis.scan_iter(match="*-*-*-*-*", count=1000):
            name = key.encode() if isinstance(key, str) else key
            if not wanted.isdisjoint(_ID.findall(name)):
                yield name


@contextmanager
def noting(unreached: set[str], store: str) -> Iterator[None]:
    """Note that a store did not answer, and go on with the next: one that is away holds up no other."""
    try:
        yield
    except DatabaseError:
        raise
    except (KnowledgeFoundryError, RedisError, OSError) as error:
        log.warning("store_unreached", store=store, reason=getattr(error, "code", type(error).__name__))
        unreached.add(store)


def conditions(traces: DataInventory) -> Iterable[tuple[Table, ColumnElement[bool]]]:
    """Each table that can hold traces, those first that others point at, and which of its rows are some."""
    wanted = {name: ids for name, ids in traces.of_table().items() if ids}
    for table in Base.metadata.sorted_tables:
        if table.name in KEPT or "organization_id" not in table.c:
            continue
        parts = [
            table.c[column] == any_(id_array(wanted[target])) for column, target in pointers(table) if target in wanted
        ]
        if parts:
            yield table, or_(*parts)


POINTERS = {
    "collection_id": "collections",
    "document_id": "documents",
    "version_id": "document_versions",
    "user_id": "users",
    "task_id": "tasks",
}


def pointers(table: Table) -> list[tuple[str, str]]:
    """(column, table whose ids are in it), its own key among them; by foreign key or, where there is none, by name."""
    found = [("id", table.name)]
    for column in table.c:
        target = next((key.column.table.name for key in column.foreign_keys), POINTERS.get(column.name, ""))
        if target:
            found.append((column.name, target))
    return found


def id_array(ids: Sequence[UUID]) -> ColumnElement[Sequence[UUID]]:
    """One parameter, however many they are."""
    return literal(list(ids), ARRAY(Uuid))


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
