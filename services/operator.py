"""What does only the operator of an installation see and do?

One of the modules that look across organisations.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import ScalarSelect, func, select

from config.models import Settings
from core.errors import ConflictError
from core.identity import Principal, Role, Scope
from db.engine import create_engine
from db.maintenance import MaintenanceDatabase
from db.models import DeletionReceipt, Document, MaintenanceReport, Organization, User
from db.unit_of_work import Database
from services.addresses import maintenance_address
from services.audit import ClientInfo, record
from services.deletion import OrganizationDeletion
from services.maintenance.findings import MaintenanceKind
from services.maintenance.rounds import report_view, want
from services.purging import view_of
from services.traces import Stores
from services.views import DeletionView, MaintenanceView, OrganizationView


async def first_organization(settings: Settings) -> UUID | None:
    """The organisation made at the first start; None before it."""
    database = MaintenanceDatabase(create_engine(maintenance_address(settings), pool_size=1))
    try:
        async with database.transaction() as session:
            statement = (
                select(Organization.id)
                .where(~Organization.is_deleted)
                .order_by(Organization.created_at, Organization.id)
                .limit(1)
            )
            return await session.scalar(statement)
    finally:
        await database.close()


class OperatorService:
    """Organisations and upkeep; each call opens the role that sees all, for they are rare."""

    def __init__(self, settings: Settings, database: Database, stores: Stores) -> None:
        self._settings = settings
        self._database = database
        self._stores = stores

    async def organizations(self, principal: Principal) -> tuple[OrganizationView, ...]:
        """All, oldest first."""
        principal.require(Role.OPERATOR, Scope.ADMIN)
        statement = select(
            Organization.id,
            Organization.name,
            Organization.created_at,
            _living(User).label("users"),
            _living(Document).label("documents"),
            Organization.is_deleted.label("is_being_deleted"),
        ).order_by(Organization.created_at)
        async with self._maintenance() as maintenance, maintenance.transaction() as session:
            return tuple(OrganizationView(**row) for row in (await session.execute(statement)).mappings())

    async def delete_organization(
        self, principal: Principal, organization_id: UUID, *, client: ClientInfo
    ) -> DeletionView:
        """Close an organisation at once; a worker removes what it has, and goes on until nothing is left.

        Raises:
            NotFoundError: There is no such organisation.
            ConflictError: It is the operator's own.
        """
        principal.require(Role.OPERATOR, Scope.ADMIN)
        if organization_id == principal.organization_id:
            raise ConflictError(
                "This is the organisation you are in.",
                next_step="Where it runs: foundry organization delete.",
            )
        async with self._maintenance() as maintenance:
            deletion = self._deletion(maintenance)
            receipt_id, _ = await deletion.close(organization_id, str(principal.user_id), claimed=False)
            await self._note(principal, "deleted", "organization", organization_id, client)
            return await deletion.receipt(receipt_id)

    async def deletions(self, principal: Principal, *, limit: int = 200) -> tuple[DeletionView, ...]:
        """Receipts of organisations, the newest first."""
        principal.require(Role.OPERATOR, Scope.ADMIN)
        statement = select(DeletionReceipt).where(DeletionReceipt.subject == "organization")
        async with self._maintenance() as maintenance, maintenance.transaction() as session:
            rows = await session.scalars(statement.order_by(DeletionReceipt.created_at.desc()).limit(limit))
            return tuple(view_of(row) for row in rows)

    async def reports(self, principal: Principal, *, limit: int = 50) -> tuple[MaintenanceView, ...]:
        """Rounds of upkeep, the newest first."""
        principal.require(Role.OPERATOR, Scope.ADMIN)
        statement = select(MaintenanceReport).order_by(MaintenanceReport.created_at.desc()).limit(limit)
        async with self._maintenance() as maintenance, maintenance.transaction() as session:
            return tuple(report_view(row) for row in await session.scalars(statement))

    async def start(self, principal: Principal, kind: MaintenanceKind, *, client: ClientInfo) -> MaintenanceView:
        """Have a worker begin a round within seconds; one that waits or is under way is given back."""
        principal.require(Role.OPERATOR, Scope.ADMIN)
        unended = select(MaintenanceReport).where(
            MaintenanceReport.kind == kind.value, MaintenanceReport.ended_at.is_(None)
        )
        async with self._maintenance() as maintenance, maintenance.transaction() as session:
            await want(session, kind)
            view = report_view((await session.scalars(unended)).one())
        await self._note(principal, "updated", "maintenance", kind.value, client)
        return view

    @asynccontextmanager
    async def _maintenance(self) -> AsyncIterator[MaintenanceDatabase]:
        database = MaintenanceDatabase(create_engine(maintenance_address(self._settings), pool_size=1))
        try:
            yield database
        finally:
            await database.close()

    def _deletion(self, maintenance: MaintenanceDatabase) -> OrganizationDeletion:
        return OrganizationDeletion(maintenance, self._stores, backup_days=self._settings.storage.backup_days)

    async def _note(self, principal: Principal, action: str, kind: str, subject: object, client: ClientInfo) -> None:
        async with self._database.transaction(principal.organization_id) as session:
            record(
                session,
                organization_id=principal.organization_id,
                user_id=principal.user_id,
                action=action,
                resource_type=kind,
                resource_id=subject,
                client=client,
            )


def _living(table: type[User] | type[Document]) -> ScalarSelect[int]:
    """How many rows an organisation has that are not deleted."""
    statement = select(func.count(table.id)).where(table.organization_id == Organization.id, ~table.is_deleted)
    return statement.correlate(Organization).scalar_subquery()
