"""When is which upkeep due, who does it, and what is noted of it?

One of the modules that look across organisations. Rounds are rows: wanted, under way under a lease that its worker
moves on, ended with a report. One round at a time over all workers; that of a worker that died is noted as broken off.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from core.background import end
from core.errors import KnowledgeFoundryError
from core.telemetry import job
from db.maintenance import MaintenanceDatabase
from db.models import MaintenanceReport, Organization
from services.maintenance.findings import Findings, MaintenanceKind
from services.views.operations import MaintenanceView

log = structlog.get_logger(__name__)

Job = Callable[[], Awaitable[Findings]]
NO_ORGANIZATION = UUID(int=0)
LEASE = timedelta(seconds=30)
HEARTBEAT_S = 10.0
LEADER_LOCK = 4242006
BROKEN_OFF, FAILED = "worker_lost", "internal"


class Rounds:
    """Rounds of upkeep, begun when they are due, through the maintenance role.

    Args:
        every: Between two rounds of a kind; the first comes so long after the first organisation.
    """

    def __init__(self, database: MaintenanceDatabase, jobs: Mapping[MaintenanceKind, Job], *, every: timedelta) -> None:
        self._database = database
        self._jobs = jobs
        self._every = every

    async def run(self) -> int:
        """Do what is due or wanted, one after the other. Returns how many rounds ended."""
        ended = 0
        await self._want_due()
        while (claimed := await self._claim()) is not None:
            await self._carry_out(*claimed)
            ended += 1
        return ended

    async def run_one(self, kind: MaintenanceKind) -> MaintenanceView | None:
        """Do this round now and return its report; None while another round is under way."""
        async with self._database.transaction() as session:
            await want(session, kind)
        claimed = await self._claim(kind)
        if claimed is None:
            return None
        await self._carry_out(*claimed)
        async with self._database.transaction() as session:
            return report_view(await session.get_one(MaintenanceReport, claimed[0]))

    # -- steps

    async def _want_due(self) -> None:
        async with self._database.transaction() as session:
            latest = select(MaintenanceReport.kind, func.max(MaintenanceReport.created_at))
            rows = {row[0]: row[1] for row in await session.execute(latest.group_by(MaintenanceReport.kind))}
            first = await session.scalar(select(func.min(Organization.created_at)))
            for kind in self._jobs:
                since = rows.get(kind.value, first)
                if since is not None and since <= datetime.now(UTC) - self._every:
                    await want(session, kind)

    async def _claim(self, kind: MaintenanceKind | None = None) -> tuple[UUID, MaintenanceKind] | None:
        """The next round that is wanted, unless one is under way."""
        report = MaintenanceReport
        under_way = report.started_at.is_not(None) & report.ended_at.is_(None)
        async with self._database.transaction() as session:
            if not await session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LEADER_LOCK}):
                return None
            await session.execute(
                update(report)
                .where(under_way, report.lease_until < func.now())
                .values(ended_at=func.now(), lease_until=None, error=BROKEN_OFF)
            )
            if await session.scalar(select(report.id).where(under_way).limit(1)) is not None:
                return None
            wanted = select(report).where(report.ended_at.is_(None)).order_by(report.created_at).limit(1)
            if kind is not None:
                wanted = wanted.where(report.kind == kind.value)
            row = await session.scalar(wanted)
            if row is None:
                return None
            row.started_at, row.lease_until = datetime.now(UTC), datetime.now(UTC) + LEASE
            return row.id, MaintenanceKind(row.kind)

    async def _carry_out(self, report_id: UUID, kind: MaintenanceKind) -> None:
        findings, error = Findings(), None
        try:
            async with self._kept(report_id):
                with job(f"maintenance_{kind.value}"):
                    findings = await self._jobs[kind]()
        except KnowledgeFoundryError as trouble:
            error = trouble.code
            log.warning("maintenance_broken_off", kind=kind.value, reason=trouble.code)
        except Exception:
            error = FAILED
            log.exception("maintenance_failed", kind=kind.value)
        async with self._database.transaction() as session:
            await session.execute(
                update(MaintenanceReport)
                .where(MaintenanceReport.id == report_id, MaintenanceReport.ended_at.is_(None))
                .values(
                    ended_at=func.now(),
                    lease_until=None,
                    found=findings.found,
                    repaired=findings.repaired,
                    details=dict(findings.details),
                    error=error,
                )
            )
        log.info("maintained", kind=kind.value, found=findings.found, repaired=findings.repaired)

    @asynccontextmanager
    async def _kept(self, report_id: UUID) -> AsyncIterator[None]:
        async def beat() -> None:
            while True:
                await asyncio.sleep(HEARTBEAT_S)
                async with self._database.transaction() as session:
                    await session.execute(
                        update(MaintenanceReport)
                        .where(MaintenanceReport.id == report_id)
                        .values(lease_until=func.now() + LEASE)
                    )

        heart = asyncio.create_task(beat())
        try:
            yield
        finally:
            await end(heart)


async def want(session: AsyncSession, kind: MaintenanceKind) -> None:
    """Ask for a round, unless one waits or is under way."""
    statement = insert(MaintenanceReport).values(organization_id=NO_ORGANIZATION, kind=kind.value)
    await session.execute(
        statement.on_conflict_do_nothing(index_elements=["kind"], index_where=text("ended_at IS NULL"))
    )


def report_view(row: MaintenanceReport) -> MaintenanceView:
    """A report as people see it."""
    return MaintenanceView(
        id=row.id,
        kind=row.kind,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        found=row.found,
        repaired=row.repaired,
        details={key: int(str(value)) for key, value in row.details.items()},
        error=row.error,
    )
