"""Do terms occur as often as the statistics say?

One of the modules that look across organisations. Counted again from what each answering version adds. One transaction
of one snapshot: when a switch changes the same counts meanwhile, PostgreSQL refuses it and it is tried again.
"""

from __future__ import annotations

from uuid import UUID

import structlog
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from db.maintenance import MaintenanceDatabase
from db.models import Document, Organization, TermStatistic
from db.repositories.lexical import CHUNKS, TERMS, LexicalRepository
from services.maintenance.findings import Findings
from services.search_index.chunks import statistics_of
from services.search_index.term_statistics import NOTHING

log = structlog.get_logger(__name__)

TRIES = 5
REFUSED = ("40001", "40P01", "23505")
"""Somebody else changed the same rows, in one order or another."""


async def recount(database: MaintenanceDatabase) -> Findings:
    """One round."""
    findings = Findings()
    async with database.transaction() as session:
        organizations = list(await session.scalars(select(Organization.id).where(~Organization.is_deleted)))
    for organization_id in organizations:
        wrong = await _put_right(database, organization_id)
        if wrong is None:
            findings.add("organisations too busy to count", 1, 0)
        elif wrong:
            findings.add("terms counted wrongly", wrong)
    return findings


async def _put_right(database: MaintenanceDatabase, organization_id: UUID) -> int | None:
    """How many counts were wrong and are right now; None when others kept changing them."""
    for _ in range(TRIES):
        try:
            async with database.transaction() as session:
                await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
                return await _compare(session, organization_id)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", "") not in REFUSED:
                raise
            log.info("recount_repeated", organization_id=str(organization_id))
    return None


async def _compare(session: AsyncSession, organization_id: UUID) -> int:
    truth = NOTHING
    answering = select(Document.active_version_id).where(
        Document.organization_id == organization_id, ~Document.is_deleted, Document.active_version_id.is_not(None)
    )
    for version_id in (await session.scalars(answering)).all():
        truth = truth.plus(await statistics_of(session, version_id))
    rows = await session.execute(
        select(TermStatistic.term_id, TermStatistic.document_count).where(
            TermStatistic.organization_id == organization_id, TermStatistic.document_count != 0
        )
    )
    kept = {row.term_id: row.document_count for row in rows}
    wanted = {**truth.term_chunks, CHUNKS: truth.chunks, TERMS: truth.terms}
    wrong = {
        term: wanted.get(term, 0) - kept.get(term, 0)
        for term in wanted.keys() | kept.keys()
        if wanted.get(term, 0) != kept.get(term, 0)
    }
    if wrong:
        chunks, terms = wrong.pop(CHUNKS, 0), wrong.pop(TERMS, 0)
        await LexicalRepository(session).add(organization_id, wrong, chunks=chunks, terms=terms)
        return len(wrong) + bool(chunks) + bool(terms)
    return 0
