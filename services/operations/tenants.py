"""What does only the operator of an installation see and do?

One of the modules that look across organisations.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, Select, exists, func, select
from sqlalchemy.orm import aliased

from core.errors import ConflictError
from core.identity import Principal, Role, Scope
from core.states import DeletionSubject
from db.engine import create_engine
from db.maintenance import MaintenanceDatabase
from db.models import DeletionReceipt, Document, MaintenanceReport, Organization, User
from db.unit_of_work import Database
from db.urls import DatabaseAddress
from services.audit import ClientInfo, record
from services.deletion.inventory import Stores
from services.deletion.organizations import OrganizationDeletion
from services.deletion.receipts import view_of
from services.maintenance.findings import MaintenanceKind
from services.maintenance.rounds import report_view, want
from services.views.deletion import DeletionView
from services.views.operations import MaintenanceView, OrganizationView


async def first_organization(maintenance: DatabaseAddress) -> UUID | None:
    """The organisation made at the first start; None before it."""
    database = MaintenanceDatabase(create_engine(maintenance, pool_size=1))
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


class TenantService:
    """Organisations and upkeep; each call opens the role that sees all, for they are rare.

    Args:
        maintenance: Where and as whom that role connects.
        backup_days: So long backups are kept, which receipts of deletions say.
    """

    def __init__(self, maintenance: DatabaseAddress, database: Database, stores: Stores, *, backup_days: int) -> None:
        self._address = maintenance
        self._database = database
        self._stores = stores
        self._backup_days = backup_days

    async def organizations(self, principal: Principal) -> tuple[OrganizationView, ...]:
        """All, oldest first."""
        principal.require(Role.OPERATOR, Scope.ADMIN)
        async with self._maintenance() as maintenance, maintenance.transaction() as session:
            return tuple(_view(*row) for row in await session.execute(_listed()))

    async def delete_organization(
        self, principal: Principal, organization_id: UUID, *, client: ClientInfo
    ) -> DeletionView:
        """Close an organisation at once; a worker removes what it has, and goes on until nothing is left.

        It may be the operator's own, whose sessions end with it.

        Raises:
            NotFoundError: There is no such organisation.
            ConflictError: Nobody would be left to see the receipt and to run the installation.
        """
        principal.require(Role.OPERATOR, Scope.ADMIN)
        async with self._maintenance() as maintenance:
            if await _has_last_operator(maintenance, organization_id):
                raise ConflictError(
                    "It has the only operator of this installation.",
                    next_step="Delete it where the installation runs: foundry organization delete.",
                )
            deletion = self._deletion(maintenance)
            receipt_id, _ = await deletion.close(organization_id, str(principal.user_id), claimed=False)
            await self._note(principal, "deleted", "organization", organization_id, client)
            return await deletion.receipt(receipt_id)

    async def deletions(self, principal: Principal, *, limit: int = 200) -> tuple[DeletionView, ...]:
        """Receipts of organisations, the newest first."""
        principal.require(Role.OPERATOR, Scope.ADMIN)
        statement = select(DeletionReceipt).where(DeletionReceipt.subject == DeletionSubject.ORGANIZATION)
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
        database = MaintenanceDatabase(create_engine(self._address, pool_size=1))
        try:
            yield database
        finally:
            await database.close()

    def _deletion(self, maintenance: MaintenanceDatabase) -> OrganizationDeletion:
        return OrganizationDeletion(maintenance, self._stores, backup_days=self._backup_days)

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


def _listed() -> Select[Organization, int, int, bool]:
    """Organisations, oldest first, with their people and documents and whether they have the last operator."""
    statement = select(Organization, _living(User), _living(Document), _last_operator())
    return statement.order_by(Organization.created_at, Organization.id)


def _living(table: type[User] | type[Document]) -> ScalarSelect[int]:
    """How many rows an organisation has that are not deleted."""
    statement = select(func.count(table.id)).where(table.organization_id == Organization.id, ~table.is_deleted)
    return statement.correlate(Organization).scalar_subquery()


def _last_operator() -> ColumnElement[bool]:
    """Whether the organisation of the row has somebody who can run the installation, and no other living one has."""
    housed = aliased(Organization)
    operators = exists().where(
        housed.id == User.organization_id,
        ~housed.is_deleted,
        User.role == Role.OPERATOR.value,
        User.is_active,
        ~User.is_deleted,
    )
    return operators.where(housed.id == Organization.id) & ~operators.where(housed.id != Organization.id)


async def _has_last_operator(maintenance: MaintenanceDatabase, organization_id: UUID) -> bool:
    statement = select(_last_operator()).select_from(Organization).where(Organization.id == organization_id)
    async with maintenance.transaction() as session:
        return bool(await session.scalar(statement))


def _view(organization: Organization, users: int, documents: int, has_last_operator: bool) -> OrganizationView:
    return OrganizationView(
        id=organization.id,
        name=organization.name,
        plan=organization.plan,
        users=users,
        documents=documents,
        created_at=organization.created_at,
        is_being_deleted=organization.is_deleted,
        has_last_operator=has_last_operator,
    )
