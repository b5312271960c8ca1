"""How far are the files that lay in a file?"""

from __future__ import annotations

from core.identity import Principal
from db.models import DocumentVersion
from db.repositories.documents import DocumentRepository
from services.receipts import receipt_of
from services.views import DocumentStatus, PartsView

MAX_LISTED = 20
"""An archive may hold a thousand; of so many, counts say more than rows."""


async def parts_of(documents: DocumentRepository, principal: Principal, version: DocumentVersion) -> PartsView | None:
    """How far those are that lie in the document of a version now; None when there are none."""
    states = await documents.part_states(version.document_id, principal=principal)
    total = sum(states.values())
    if not total:
        return None
    only = DocumentStatus.FAILED.value if total > MAX_LISTED else None
    listed = await documents.parts(version.document_id, principal=principal, status=only, limit=MAX_LISTED)
    rows = await documents.latest_tasks(listed)
    places = await documents.queue_positions([task for task, _ in rows.values()])
    return PartsView(
        total=total,
        ready=states.get(DocumentStatus.READY, 0),
        failed=states.get(DocumentStatus.FAILED, 0),
        receipts=tuple(
            receipt_of(*rows[part], queue_position=places.get(rows[part][0].id)) for part in listed if part in rows
        ),
    )
