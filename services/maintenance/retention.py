"""Which documents and versions are kept no longer?

One of the modules that look across organisations. Collections say for how many days; the installation says how many old
versions. Each that goes leaves a receipt, as if somebody had deleted it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.maintenance import MaintenanceDatabase
from db.models import Collection, Document, DocumentVersion, Organization, Task
from services.audit import ClientInfo, record
from services.deletion.purge import Purge
from services.deletion.receipts import Order
from services.deletion.tombstones import soft_delete_document, soft_delete_version
from services.maintenance.findings import Findings

REQUESTED_BY = "retention"
_NO_CLIENT = ClientInfo()


@dataclass(frozen=True, slots=True)
class VersionRule:
    """Which versions that do not answer are kept; None does not limit.

    Attributes:
        keep: So many of a document, the newest.
        keep_for: So long after they ended to answer.
    """

    keep: int | None
    keep_for: timedelta | None


class Retention:
    """Deletion of what is over its time."""

    def __init__(self, database: MaintenanceDatabase, purge: Purge, rule: VersionRule) -> None:
        self._database = database
        self._purge = purge
        self._rule = rule

    async def run(self) -> Findings:
        """One round; what is being read waits for the next."""
        findings = Findings()
        async with self._database.transaction() as session:
            documents = list(await session.execute(_documents_over_time()))
        for organization_id, document_id in documents:
            async with self._database.transaction() as session:
                # Uploads hold this row too: with it, what is looked at once more stays so until it is closed.
                await session.get(Organization, organization_id, with_for_update=True)
                if (await session.execute(_documents_over_time().where(Document.id == document_id))).first() is None:
                    continue
                receipt_id = await soft_delete_document(session, Order(organization_id, REQUESTED_BY), document_id)
                _note(session, organization_id, "document", document_id)
            await self._purge.carry_out(organization_id, receipt_id)
            findings.add("documents", 1)
        for organization_id, version_id in await self._versions():
            async with self._database.transaction() as session:
                version = await session.get(DocumentVersion, version_id)
                closed = version and await soft_delete_version(session, Order(organization_id, REQUESTED_BY), version)
                if not closed:
                    continue
                _note(session, organization_id, "version", version_id)
            await self._purge.carry_out(organization_id, closed)
            findings.add("versions", 1)
        return findings

    async def _versions(self) -> list[tuple[UUID, UUID]]:
        if self._rule.keep is None and self._rule.keep_for is None:
            return []
        place = func.row_number().over(partition_by=DocumentVersion.document_id, order_by=DocumentVersion.number.desc())
        ended = func.coalesce(DocumentVersion.valid_to, DocumentVersion.created_at)
        busy = exists().where(Task.version_id == DocumentVersion.id, Task.is_under_way)
        former = (
            select(DocumentVersion.organization_id, DocumentVersion.id, place.label("place"), ended.label("ended"))
            .join(Document, Document.id == DocumentVersion.document_id)
            .where(~Document.is_deleted, Document.active_version_id != DocumentVersion.id, ~busy)
            .subquery()
        )
        over = []
        if self._rule.keep is not None:
            over.append(former.c.place > self._rule.keep)
        if self._rule.keep_for is not None:
            over.append(former.c.ended < func.now() - self._rule.keep_for)
        statement = select(former.c.organization_id, former.c.id).where(or_(*over))
        async with self._database.transaction() as session:
            return [(row[0], row[1]) for row in await session.execute(statement)]


def _documents_over_time() -> Select[UUID, UUID]:
    """(organization, document) of those whose answering version began too long ago, and which nobody reads."""
    since = func.coalesce(
        select(DocumentVersion.valid_from).where(DocumentVersion.id == Document.active_version_id).scalar_subquery(),
        Document.created_at,
    )
    busy = exists().where(Task.document_id == Document.id, Task.is_under_way)
    return (
        select(Document.organization_id, Document.id)
        .join(Collection, Collection.id == Document.collection_id)
        .where(
            ~Document.is_deleted,
            ~Collection.is_deleted,
            since < func.now() - func.make_interval(0, 0, 0, Collection.retention_days),
            ~busy,
        )
    )


def _note(session: AsyncSession, organization_id: UUID, kind: str, subject_id: UUID) -> None:
    record(
        session,
        organization_id=organization_id,
        user_id=None,
        action="deleted",
        resource_type=kind,
        resource_id=subject_id,
        client=_NO_CLIENT,
        after={"requested_by": REQUESTED_BY},
    )
