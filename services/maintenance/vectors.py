"""Are the vectors in the stores those of the rows, each once and no other?

One of the modules that look across organisations. A vector without a row was never shown and goes; a version of which
one is missing leaves its index, and the mover has it read again. Documents that are being read are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from sqlalchemy import Select, any_, delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.states import DeletionSubject
from core.types import VectorFilter, VectorHit
from db.maintenance import MaintenanceDatabase
from db.models import DeletionReceipt, Document, DocumentChunk, IndexedVersion, Organization, Task
from services.deletion.inventory import DataInventory, batches, id_array
from services.deletion.scope import remove_strays
from services.maintenance.findings import Findings
from services.search_index.indexes import Index, Indexes

MOST_HITS = 10_000
"""So many vectors of an organisation are looked through for strays that no receipt names."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """An index that runs, and the organisation whose part of it is looked at."""

    index: Index
    organization_id: UUID

    def documents(self, ids: Iterable[UUID]) -> VectorFilter:
        return VectorFilter(self.organization_id, document_ids=frozenset(ids))

    @property
    def everything(self) -> VectorFilter:
        return VectorFilter(self.organization_id)

    async def count(self, scope: VectorFilter) -> int:
        assert self.index.vectors is not None
        return await self.index.vectors.count(self.index.collection, scope)

    async def hits(self, scope: VectorFilter, limit: int) -> list[VectorHit]:
        assert self.index.vectors is not None
        assert self.index.embedding is not None
        anywhere = np.ones(self.index.embedding.get_dimension(), np.float32)
        return await self.index.vectors.search(self.index.collection, anywhere, limit, scope) if limit else []


class VectorUpkeep:
    """Comparison of every index that runs with the rows."""

    def __init__(self, database: MaintenanceDatabase, indexes: Indexes) -> None:
        self._database = database
        self._indexes = indexes

    async def run(self) -> Findings:
        """One round."""
        findings = Findings()
        for index in self._indexes.known:
            if index.vectors is None or index.embedding is None:
                findings.add("indexes that do not run", 1, 0)
                continue
            async with self._database.transaction() as session:
                living = list(await session.scalars(select(Organization.id).where(~Organization.is_deleted)))
                gone = await session.scalars(
                    select(DeletionReceipt.subject_id).where(
                        DeletionReceipt.subject == DeletionSubject.ORGANIZATION,
                        DeletionReceipt.completed_at.is_not(None),
                    )
                )
                deleted = list(gone)
            for organization_id in living:
                await self._compare(_Scope(index, organization_id), findings)
            for organization_id in deleted:
                scope = _Scope(index, organization_id)
                if size := await scope.count(scope.everything):
                    await remove_strays(index, scope.everything)
                    findings.add("orphan vectors", size)
        return findings

    async def _compare(self, scope: _Scope, findings: Findings) -> None:
        async with self._database.transaction() as session:
            rows = await session.execute(_expected(scope))
            expected = {row.id: row.chunks for row in rows}
        known = 0
        for document_id, chunks in expected.items():
            size = await scope.count(scope.documents([document_id]))
            known += size
            if size != chunks:
                known += await self._put_right(scope, document_id, findings)
        total = await scope.count(scope.everything)
        if total > known:
            await self._remove_unknown(scope, findings)

    async def _put_right(self, scope: _Scope, document_id: UUID, findings: Findings) -> int:
        """Compare one document by chunks while nobody changes it. Returns by how many vectors it grew, 0 or less."""
        index = scope.index
        async with self._database.transaction() as session:
            busy = exists().where(Task.document_id == document_id, Task.is_under_way)
            idle = select(Document.id).where(Document.id == document_id, ~Document.is_deleted, ~busy).with_for_update()
            if await session.scalar(idle) is None:
                return 0
            inside = select(IndexedVersion.version_id).where(IndexedVersion.index_id == index.id)
            statement = select(DocumentChunk.id, DocumentChunk.version_id).where(
                DocumentChunk.document_id == document_id,
                ~DocumentChunk.is_deleted,
                DocumentChunk.version_id.in_(inside),
            )
            wanted = {row.id: row.version_id for row in await session.execute(statement)}
            before = await scope.count(scope.documents([document_id]))
            present = {hit.id for hit in await scope.hits(scope.documents([document_id]), before)}
            surplus, missing = present - wanted.keys(), wanted.keys() - present
            if surplus and index.vectors is not None:
                await index.vectors.delete(index.collection, list(surplus), scope.organization_id)
                findings.add("orphan vectors", len(surplus))
            if missing:
                versions = {wanted[chunk_id] for chunk_id in missing}
                await session.execute(
                    delete(IndexedVersion).where(
                        IndexedVersion.index_id == index.id, IndexedVersion.version_id.in_(versions)
                    )
                )
                findings.add("missing vectors", len(missing))
        return -len(surplus)

    async def _remove_unknown(self, scope: _Scope, findings: Findings) -> None:
        """Vectors of documents that are no more: those that receipts name, and those that a search meets."""
        before = await scope.count(scope.everything)
        assert scope.index.vectors is not None
        async with self._database.transaction() as session:
            receipts = await session.scalars(
                select(DeletionReceipt.traces).where(DeletionReceipt.organization_id == scope.organization_id)
            )
            suspects = {document for traces in receipts for document in DataInventory.unpacked(traces).documents}
        hits = await scope.hits(scope.everything, min(before, MOST_HITS))
        suspects |= {hit.payload.document_id for hit in hits}
        for some in batches(list(suspects)):
            async with self._database.transaction() as session:
                unknown = set(some) - await _living(session, some)
            if unknown:
                await scope.index.vectors.delete_documents(scope.index.collection, list(unknown), scope.organization_id)
        after = await scope.count(scope.everything)
        if before > after:
            findings.add("orphan vectors", before - after)


def _expected(scope: _Scope) -> Select[UUID, int]:
    """(id, chunks that must be in the index) of living documents that nobody reads."""
    chunks = (
        select(func.count(DocumentChunk.id))
        .join(IndexedVersion, IndexedVersion.version_id == DocumentChunk.version_id)
        .where(
            DocumentChunk.document_id == Document.id,
            ~DocumentChunk.is_deleted,
            IndexedVersion.index_id == scope.index.id,
        )
        .scalar_subquery()
    )
    return (
        select(Document.id, chunks.label("chunks"))
        .where(Document.organization_id == scope.organization_id, ~Document.is_deleted)
        .order_by(Document.id)
    )


async def _living(session: AsyncSession, ids: Iterable[UUID]) -> set[UUID]:
    statement = select(Document.id).where(Document.id == any_(id_array(list(ids))), ~Document.is_deleted)
    return set(await session.scalars(statement))
