"""What goes together with something that is deleted, and which rows are its?

Which tables and columns are looked at follows from the models, so that a table made later is not forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self, TypeVar
from uuid import UUID

from redis.asyncio import Redis
from sqlalchemy import ColumnElement, Table, Uuid, any_, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from core.types import JsonValue
from db.base import Base
from db.models import DocumentVersion, IndexedVersion, Task
from services.blobs import BlobStore
from services.search_index.indexes import Indexes
from services.tasks.queue import JobQueue

KEPT = frozenset({"audit_logs", "deletion_receipts", "settings_versions"})
"""Ids and digests; what says that it is gone; and settings, which are the installation's whoever saved them."""
BATCH = 500

T = TypeVar("T")


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

    An organisation's names only indexes: all that is its goes, whatever that is by then.

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


async def of_organization(session: AsyncSession, organization_id: UUID) -> DataInventory:
    """The indexes that hold something of it."""
    statement = select(IndexedVersion.index_id).where(IndexedVersion.organization_id == organization_id).distinct()
    return DataInventory(indexes=tuple(await session.scalars(statement)))


async def holding(session: AsyncSession, versions: Sequence[UUID]) -> tuple[UUID, ...]:
    """Indexes that hold one of the versions."""
    statement = select(IndexedVersion.index_id).where(IndexedVersion.version_id == any_(id_array(versions))).distinct()
    return tuple(await session.scalars(statement))


def organization_tables() -> list[Table]:
    """Every table whose rows belong to an organisation, those first that others point at."""
    return [table for table in Base.metadata.sorted_tables if "organization_id" in table.c and table.name not in KEPT]


def conditions(traces: DataInventory) -> Iterable[tuple[Table, ColumnElement[bool]]]:
    """Each table that can hold traces, those first that others point at, and which of its rows are some."""
    wanted = {name: ids for name, ids in traces.of_table().items() if ids}
    for table in organization_tables():
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


def batches(items: Sequence[T], size: int = BATCH) -> Iterator[Sequence[T]]:
    """So many at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
