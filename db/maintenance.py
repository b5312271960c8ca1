"""Who may look across organisations?

Sweeps, upkeep, the worker and the operator, through this role; ``tests/architecture/test_doors.py`` names every module
that may import this one, and fails when another does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession


class MaintenanceDatabase:
    """Opens transactions that bypass row-level security."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One transaction over all organisations."""
        async with AsyncSession(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()
