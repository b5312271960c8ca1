"""When is a round due, and what is said of one that failed?"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from sqlalchemy import text, update

from core.errors import ConflictError
from db.models import MaintenanceReport
from services.maintenance.findings import Findings, MaintenanceKind
from services.maintenance.rounds import BROKEN_OFF, Rounds
from tests.fixtures.application import Department
from tests.support.caretaker import Caretaker


async def test_one_round_at_a_time_and_that_of_a_lost_worker_is_broken_off(
    department: Department, caretaker: Caretaker
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> Findings:
        begun.set()
        await go_on.wait()
        return Findings(2, 1)

    async def quick() -> Findings:
        return Findings()

    jobs = {MaintenanceKind.FILES: slow, MaintenanceKind.EXPIRED: quick}
    one, two = (Rounds(caretaker.database, jobs, every=timedelta(days=1)) for _ in range(2))
    under_way = asyncio.create_task(one.run_one(MaintenanceKind.FILES))
    await begun.wait()
    assert await two.run_one(MaintenanceKind.EXPIRED) is None
    assert await two.run() == 0
    async with caretaker.database.transaction() as session:
        running = MaintenanceReport.started_at.is_not(None)
        past = datetime.now(UTC) - timedelta(seconds=1)
        await session.execute(update(MaintenanceReport).where(running).values(lease_until=past))
    assert await two.run() == 1
    go_on.set()
    await under_way
    lost, ended = await caretaker.reports()
    assert (lost.kind, lost.error, lost.found) == ("files", BROKEN_OFF, 0)
    assert (ended.kind, ended.error) == ("expired", None)


async def test_rounds_are_due_a_day_after_the_installation_began_and_then_daily(
    department: Department, caretaker: Caretaker
) -> None:
    assert await caretaker.rounds.run() == 0
    async with caretaker.database.transaction() as session:
        await session.execute(text("UPDATE organizations SET created_at = now() - interval '25 hours'"))
    assert await caretaker.rounds.run() == len(MaintenanceKind)
    assert await caretaker.rounds.run() == 0
    async with caretaker.database.transaction() as session:
        await session.execute(text("UPDATE maintenance_reports SET created_at = now() - interval '25 hours'"))
    assert await caretaker.rounds.run() == len(MaintenanceKind)
    assert {report.error for report in await caretaker.reports()} == {None}


async def test_a_round_that_fails_says_so(department: Department, caretaker: Caretaker) -> None:
    async def fails() -> Findings:
        raise ConflictError("no")

    report = await Rounds(caretaker.database, {MaintenanceKind.FILES: fails}, every=timedelta(days=1)).run_one(
        MaintenanceKind.FILES
    )
    assert report is not None
    assert report.error == "conflict"
