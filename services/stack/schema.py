"""How do roles and tables come into a database?"""

from __future__ import annotations

import psycopg
import sqlalchemy.exc

from config.models import DatabaseSettings, Settings
from core.errors import ConfigurationError, DatabaseError
from db.migrations import upgrade
from db.roles import APP_ROLE, MAINTENANCE_ROLE, OWNER_ROLE, prepare_database
from db.urls import DatabaseAddress
from services.connections import owner_address


async def bring_up_to_date(settings: Settings, superuser: DatabaseAddress | None = None) -> None:
    """Make roles and database (only a superuser can), then tables; does nothing where all is there.

    Raises:
        ConfigurationError: The roles have other names than the migrations expect.
        DatabaseError: The server cannot be reached or refuses.
    """
    database = settings.database
    try:
        if superuser is not None:
            await prepare_database(superuser, database.name, _passwords(database))
        await upgrade(owner_address(settings))
    except (psycopg.Error, sqlalchemy.exc.SQLAlchemyError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise DatabaseError(
            f"The database {database.name} on {database.host} cannot be set up: {reason}",
            next_step="Check host, port, names and passwords in the section database: foundry config show.",
        ) from error


def _passwords(settings: DatabaseSettings) -> dict[str, str]:
    expected = {
        "user": (settings.user, APP_ROLE, settings.password),
        "migration_user": (settings.migration_user, OWNER_ROLE, settings.migration_password),
        "maintenance_user": (settings.maintenance_user, MAINTENANCE_ROLE, settings.maintenance_password),
    }
    for key, (found, role, _) in expected.items():
        if found != role:
            raise ConfigurationError(
                f"database.{key} is {found}; only a role called {role} can be made here.",
                next_step=f"Make the role {found} yourself and start without superuser, or leave the setting alone.",
            )
    return {role: password.get_secret_value() for _, role, password in expected.values()}
