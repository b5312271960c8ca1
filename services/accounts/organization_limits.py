"""How many people and documents may an organisation have?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from uuid import UUID

from core.errors import NotFoundError, ValidationError
from db.models import Organization
from db.unit_of_work import Database
from services.audit import ClientInfo, record

_RAISED_BY = "Whoever runs this installation raises it with: foundry organization limits NAME"
MORE_USERS, MORE_DOCUMENTS = f"{_RAISED_BY} --max-users N", f"{_RAISED_BY} --max-documents N"
"""Next steps of whoever meets a limit."""
LARGEST = 2_147_483_647
"""What the columns hold."""


@dataclass(frozen=True, slots=True)
class OrganizationLimits:
    """Beyond them people and documents are refused; what is there stays."""

    max_users: int
    max_documents: int


async def set_limits(
    database: Database,
    organization_id: UUID,
    *,
    max_users: int | None = None,
    max_documents: int | None = None,
    client: ClientInfo,
) -> OrganizationLimits:
    """The limits in force from now on; what is not given stays as it is. For whoever runs the installation.

    Raises:
        ValidationError: A number is below 1 or above what a column holds.
        NotFoundError: There is no such organisation, or it is being deleted.
    """
    for name, value in (("max_users", max_users), ("max_documents", max_documents)):
        if value is not None and not 1 <= value <= LARGEST:
            raise ValidationError(f"{name} is {value}; allowed is 1 to {LARGEST:,}.")
    async with database.transaction(organization_id) as session:
        organization = await session.get(Organization, organization_id, with_for_update=True)
        if organization is None or organization.is_deleted:
            raise NotFoundError("There is no such organisation.", next_step="See: foundry organization list")
        before = OrganizationLimits(organization.max_users, organization.max_documents)
        after = OrganizationLimits(max_users or before.max_users, max_documents or before.max_documents)
        if after != before:
            organization.max_users, organization.max_documents = after.max_users, after.max_documents
            record(
                session,
                organization_id=organization_id,
                user_id=None,
                action="updated",
                resource_type="organization",
                resource_id=organization_id,
                client=client,
                before=asdict(before),
                after=asdict(after),
            )
    return after
