"""How does a state change happen as one?

A unit of work is one transaction of one organisation. Nothing slow belongs inside: read, release, do the slow work,
write.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import sqlalchemy.exc
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from core.errors import ConflictError, DatabaseError


class Database:
    """Opens units of work as the application role."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    @asynccontextmanager
    async def transaction(self, organization_id: UUID | None) -> AsyncIterator[AsyncSession]:
        """One transaction that sees only rows of the organisation; without one, no rows at all.

        Commits at the end of the block and rolls back when it raises. Rows may leave the block, the session may not.

        Raises:
            ConflictError: A unique rule was violated.
            DatabaseError: PostgreSQL is away or refused.
        """
        try:
            async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
                await session.execute(
                    text("SELECT set_config('app.organization_id', :organization, true)"),
                    {"organization": str(organization_id or "")},
                )
                yield session
        except sqlalchemy.exc.IntegrityError as error:
            raise ConflictError("This exists already, or what it refers to is gone.") from error
        except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.TimeoutError, sqlalchemy.exc.InterfaceError) as error:
            raise DatabaseError(
                "The database does not answer.", next_step="Check that PostgreSQL runs and is reachable."
            ) from error

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()
