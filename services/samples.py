"""Which documents came with the product? The first administrator's account hands them in, but they are not his."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import exists, update

from config.models import Settings
from db.engine import create_engine
from db.models import Document, DocumentVersion
from db.repositories.documents import SAMPLE
from db.unit_of_work import Database
from services.connections import application_address, maintenance_address
from services.operations import tenants


async def mark_samples(settings: Settings, files: Sequence[Path]) -> None:
    """Mark the documents of the first organisation that are these files, by name and first content."""
    organization_id = await tenants.first_organization(maintenance_address(settings))
    if organization_id is None:
        return
    digests = await asyncio.to_thread(_digests, files)
    database = Database(create_engine(application_address(settings), pool_size=1))
    try:
        async with database.transaction(organization_id) as session:
            for name, digest in digests.items():
                first = exists().where(
                    DocumentVersion.document_id == Document.id,
                    DocumentVersion.number == 1,
                    DocumentVersion.content_hash == digest,
                )
                unmarked = Document.filename == name, ~Document.meta.has_key(SAMPLE), first
                marked = Document.meta.concat({SAMPLE: True})
                # Nothing of the document has changed: it keeps its place in lists by the time of its last change.
                values = {Document.meta: marked, Document.updated_at: Document.updated_at}
                await session.execute(update(Document).where(*unmarked).values(values))
    finally:
        await database.close()


def _digests(files: Sequence[Path]) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
