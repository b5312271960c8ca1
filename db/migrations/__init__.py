"""How does the schema come to be, and how does it change?"""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from db.urls import DatabaseAddress

FOLDER = Path(__file__).parent


def alembic_config(address: DatabaseAddress | None = None) -> Config:
    """Alembic's settings for our scripts; ``address`` is that of the owner role."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["address"] = address
    return config


def head_revision() -> str:
    """The newest revision this code knows."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if head is None:
        raise RuntimeError("no migrations in the package")
    return head


async def upgrade(owner: DatabaseAddress, revision: str = "head") -> None:
    """Bring the schema to a revision, as the owner role. Does nothing when it is there."""
    await asyncio.to_thread(command.upgrade, alembic_config(owner), revision)
