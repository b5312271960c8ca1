"""What becomes of the vectors of versions that no longer answer?

The stores hold versions that answer and nothing else: old ones would crowd them out of every search. Theirs are kept
beside the stores (see ``db.models.KeptVectors``). One of the modules that look across organisations.
"""

from __future__ import annotations

import structlog
from sqlalchemy import delete, exists, select, text

from core.errors import KnowledgeFoundryError
from db.maintenance import MaintenanceDatabase
from db.models import Document, DocumentVersion, IndexedVersion, Task
from services.search_index.indexes import Indexes

log = structlog.get_logger(__name__)

BATCH = 200
LEADER_LOCK = 4242005


class Superseded:
    """Removal of such vectors; what a store that is away still holds is removed when it is back."""

    def __init__(self, database: MaintenanceDatabase, indexes: Indexes) -> None:
        self._database = database
        self._indexes = indexes

    async def run(self) -> int:
        """One round. Returns from how many versions vectors were removed; 0 when another process does it."""
        known = {index.id: index for index in self._indexes.known if index.vectors is not None}
        # One that is being read again is written to the same places; whoever begins that waits for the document's row.
        being_read = exists().where(Task.version_id == DocumentVersion.id, Task.is_under_way)
        waiting = (
            select(IndexedVersion.id, IndexedVersion.index_id, IndexedVersion.organization_id, DocumentVersion.id)
            .join(DocumentVersion, DocumentVersion.id == IndexedVersion.version_id)
            .join(Document, Document.id == DocumentVersion.document_id)
            .where(Document.active_version_id != DocumentVersion.id, IndexedVersion.index_id.in_(known), ~being_read)
            .limit(BATCH)
            # Who makes one of them answer again holds its document.
            .with_for_update(of=Document, skip_locked=True)
        )
        async with self._database.transaction() as session:
            if not await session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LEADER_LOCK}):
                return 0
            removed = []
            for row_id, index_id, organization_id, version_id in (await session.execute(waiting)).all():
                index = known[index_id]
                assert index.vectors is not None
                try:
                    await index.vectors.delete_version(index.collection, version_id, organization_id)
                except KnowledgeFoundryError as error:
                    log.warning("superseded_vectors_left", store=index.store, reason=error.code)
                    continue
                removed.append(row_id)
            await session.execute(delete(IndexedVersion).where(IndexedVersion.id.in_(removed)))
        if removed:
            log.info("superseded_vectors_removed", versions=len(removed))
        return len(removed)
