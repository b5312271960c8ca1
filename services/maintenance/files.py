"""Are the stored files whole, and does somebody still need them?

One of the modules that look across organisations. A damaged or missing file cannot be mended here: its version says so
until the file is put back from a backup. Files that nothing has go after a while: an upload may be about to name them.
"""

from __future__ import annotations

from uuid import UUID

import structlog
from sqlalchemy import select, update

from db.maintenance import MaintenanceDatabase
from db.models import DocumentVersion, Organization
from services.blobs import BlobStore
from services.deletion.inventory import batches
from services.maintenance.findings import Findings
from services.uploads.receipts import FILE_DAMAGED, FILE_MISSING, FILE_STATE

log = structlog.get_logger(__name__)

PAGE = 200


class FileUpkeep:
    """Comparison of the file store with the rows.

    Args:
        unused_s: Age from which a file that nothing has is removed.
    """

    def __init__(self, database: MaintenanceDatabase, blobs: BlobStore, *, unused_s: float) -> None:
        self._database = database
        self._blobs = blobs
        self._unused_s = unused_s

    async def run(self) -> Findings:
        """One round."""
        findings = Findings()
        await self._check(findings)
        await self._remove_unused(findings)
        if unfinished := await self._blobs.remove_unfinished(older_than_s=self._unused_s):
            findings.add("unfinished uploads", unfinished)
        return findings

    async def _check(self, findings: Findings) -> None:
        after = UUID(int=0)
        while True:
            statement = (
                select(
                    DocumentVersion.id, DocumentVersion.file_path, DocumentVersion.content_hash, DocumentVersion.meta
                )
                .where(DocumentVersion.id > after)
                .order_by(DocumentVersion.id)
                .limit(PAGE)
            )
            async with self._database.transaction() as session:
                rows = (await session.execute(statement)).all()
            for row in rows:
                state = await self._state(row.file_path, row.content_hash)
                if state:
                    findings.add(f"{state} files", 1, 0)
                if state != row.meta.get(FILE_STATE, ""):
                    await self._note(row.id, state)
            if len(rows) < PAGE:
                return
            after = rows[-1].id

    async def _state(self, path: str, digest: str) -> str:
        try:
            found = await self._blobs.sha256(path)
        except OSError as error:
            log.warning("file_unreadable", reason=type(error).__name__)
            return FILE_DAMAGED
        return "" if found == digest else FILE_DAMAGED if found else FILE_MISSING

    async def _note(self, version_id: UUID, state: str) -> None:
        meta = DocumentVersion.meta
        changed = meta.concat({FILE_STATE: state}) if state else meta.op("-")(FILE_STATE)
        async with self._database.transaction() as session:
            await session.execute(
                update(DocumentVersion).where(DocumentVersion.id == version_id).values({DocumentVersion.meta: changed})
            )

    async def _remove_unused(self, findings: Findings) -> None:
        for organization_id, paths in (await self._blobs.older_than(self._unused_s)).items():
            for some in batches(paths):
                async with self._database.transaction() as session:
                    # Uploads hold this row: what is unused here stays so until it is gone.
                    await session.get(Organization, organization_id, with_for_update=True)
                    used = set(
                        await session.scalars(
                            select(DocumentVersion.file_path).where(DocumentVersion.file_path.in_(some))
                        )
                    )
                    unused = [path for path in some if path not in used]
                    for path in unused:
                        await self._blobs.delete(path)
                if unused:
                    findings.add("unused files", len(unused))
