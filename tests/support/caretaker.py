"""How do tests run rounds of maintenance?"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import select, text

from core.identity import Principal, Role
from core.types import VectorFilter
from db.maintenance import MaintenanceDatabase
from db.models import MaintenanceReport
from services.bootstrap import Services
from services.maintenance.findings import MaintenanceKind
from services.maintenance.rounds import Rounds
from services.views.operations import MaintenanceView
from tests.fixtures.application import Department


@dataclass(frozen=True, slots=True)
class Caretaker:
    """Upkeep by hand, and what lies behind the walls."""

    database: MaintenanceDatabase
    rounds: Rounds

    async def round(self, kind: MaintenanceKind) -> MaintenanceView:
        report = await self.rounds.run_one(kind)
        assert report is not None
        assert report.error is None
        assert report.ended_at is not None
        return report

    async def reports(self) -> list[MaintenanceReport]:
        async with self.database.transaction() as session:
            return list(await session.scalars(select(MaintenanceReport).order_by(MaintenanceReport.created_at)))


def operator_of(department: Department) -> Principal:
    return replace(department.principal, role=Role.OPERATOR)


async def vectors_of(department: Department) -> int:
    primary = department.services.indexes.primary
    assert primary.vectors is not None
    return await primary.vectors.count(primary.collection, VectorFilter(department.principal.organization_id))


async def make_operator(services: Services, department: Department) -> None:
    async with services.database.transaction(department.principal.organization_id) as session:
        await session.execute(text("UPDATE users SET role = 'operator'"))
