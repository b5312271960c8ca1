"""Does what whoever runs the installation allows hold at once, and is it kept who was allowed what?"""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import select

from core.errors import NotFoundError, QuotaError, ValidationError
from core.identity import Role
from db.models import AuditLog
from services.accounts.organization_limits import OrganizationLimits, set_limits
from tests.fixtures.application import CLIENT, PASSWORD, Department


async def test_a_raised_limit_lets_the_next_person_and_document_in(department: Department) -> None:
    services, principal = department.services, department.principal
    now = await set_limits(services.database, principal.organization_id, max_users=1, max_documents=1, client=CLIENT)
    assert now == OrganizationLimits(1, 1)
    await department.upload("a.txt", b"The words of a.")
    with pytest.raises(QuotaError, match="foundry organization limits"):
        await department.upload("b.txt", b"The words of b.")
    with pytest.raises(QuotaError, match="foundry organization limits"):
        await _add(department)
    await set_limits(services.database, principal.organization_id, max_documents=2, client=CLIENT)
    await department.upload("b.txt", b"The words of b.")
    now = await set_limits(services.database, principal.organization_id, max_users=2, client=CLIENT)
    assert now == OrganizationLimits(2, 2)
    await _add(department)


async def test_each_change_is_in_the_audit_log_and_reading_is_none(department: Department) -> None:
    database, organization_id = department.services.database, department.principal.organization_id
    assert await set_limits(database, organization_id, client=CLIENT) == OrganizationLimits(5, 100)
    await set_limits(database, organization_id, max_users=7, client=CLIENT)
    async with database.transaction(organization_id) as session:
        changes = list(
            await session.scalars(
                select(AuditLog.changes).where(AuditLog.resource_type == "organization", AuditLog.action == "updated")
            )
        )
    assert changes == [
        {"before": {"max_users": 5, "max_documents": 100}, "after": {"max_users": 7, "max_documents": 100}}
    ]


@pytest.mark.parametrize("given", [{"max_users": 0}, {"max_documents": -1}, {"max_documents": 2**31}])
async def test_numbers_that_cannot_be_are_refused(department: Department, given: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="allowed is 1 to"):
        await set_limits(department.services.database, department.principal.organization_id, client=CLIENT, **given)


async def test_nobody_knows_an_organisation_that_is_none(department: Department) -> None:
    with pytest.raises(NotFoundError):
        await set_limits(department.services.database, uuid4(), max_users=1, client=CLIENT)


async def _add(department: Department) -> None:
    await department.services.accounts.create_user(
        department.principal, email="vera@alpha.example", password=PASSWORD, role=Role.VIEWER, client=CLIENT
    )
