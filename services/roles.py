"""As whom does the application come into the database?

Policies keep organisations apart, and bind no superuser. A file that names one (PostgreSQL's own ``postgres``) means:
use it to make the roles of the application, and come in as these.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
from sqlalchemy import text

from config.models import Settings
from core.errors import ConfigurationError
from core.security.secrets import read_or_create_secret_file
from db.roles import APP_ROLE, MAINTENANCE_ROLE, OWNER_ROLE
from db.unit_of_work import Database
from db.urls import DatabaseAddress

CONNECT_S = 10


async def superuser_in(settings: Settings) -> DatabaseAddress | None:
    """The address of ``database.user``, if that is a superuser of an outside server; None when nobody can tell."""
    database = settings.database
    if not database.host or database.user == APP_ROLE:
        return None
    password = database.password.get_secret_value()
    address = DatabaseAddress(database.host, database.port, "postgres", database.user, password, database.ssl_mode)
    try:
        async with await psycopg.AsyncConnection.connect(address.libpq(), connect_timeout=CONNECT_S) as connection:
            found = await connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
            row = await found.fetchone()
    except psycopg.Error:
        return None  # whoever connects next says why it cannot
    return address if row is not None and row[0] else None


def own_roles(data_dir: Path) -> dict[str, str]:
    """Settings, as environment variables, with which the application comes in as its own roles."""
    secrets = data_dir / "secrets"
    return {
        "FOUNDRY__database__user": APP_ROLE,
        "FOUNDRY__database__password": read_or_create_secret_file(secrets / "database_application"),
        "FOUNDRY__database__migration_user": OWNER_ROLE,
        "FOUNDRY__database__migration_password": read_or_create_secret_file(secrets / "database_owner"),
        "FOUNDRY__database__maintenance_user": MAINTENANCE_ROLE,
        "FOUNDRY__database__maintenance_password": read_or_create_secret_file(secrets / "database_maintenance"),
    }


def said_of(superuser: DatabaseAddress) -> str:
    """What whoever starts it should know."""
    return (
        f"database.user {superuser.user} is a superuser, whom no policy binds: it makes the roles {APP_ROLE}, "
        f"{OWNER_ROLE} and {MAINTENANCE_ROLE}, and the application comes in as these."
    )


async def require_bound_role(database: Database) -> None:
    """Refuse to work as a role that sees the rows of every organisation.

    Raises:
        ConfigurationError: It is a superuser, or bypasses row-level security.
    """
    async with database.transaction(None) as session:
        row = (
            await session.execute(
                text("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
            )
        ).one()
    if row[1]:
        raise ConfigurationError(
            f"database.user: found {row[0]}, whom no policy binds; allowed: a role that is no superuser and does not "
            "bypass row-level security.",
            next_step=f"Start with foundry up or foundry migrate, which make {APP_ROLE}; then name {APP_ROLE}.",
        )
