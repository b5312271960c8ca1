"""Which settings were saved over those of the files?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from db.unit_of_work import Database


@dataclass(frozen=True, slots=True)
class SavedSettings:
    """The newest version.

    Attributes:
        number: Grows with every version; 0 before the first.
        content: Nested mapping, the layer between the department's file and the environment.
    """

    number: int = 0
    content: dict[str, Any] = field(default_factory=dict)


async def saved(database: Database) -> SavedSettings:
    """The version in force, asked before any organisation is known."""
    async with database.transaction(None) as session:
        row = (await session.execute(text("SELECT number, content FROM current_settings()"))).first()
    return SavedSettings(row.number, dict(row.content)) if row is not None else SavedSettings()
