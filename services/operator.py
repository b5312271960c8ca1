"""What does only the operator of an installation see?

One of the two modules that look across organisations.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from config.models import Settings
from db.engine import create_engine
from db.maintenance import MaintenanceDatabase
from db.models import Organization
from services.addresses import maintenance_address


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
