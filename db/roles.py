"""Which roles does the database know, and what may each do?

foundry_owner        owns the schema; migrations and the tables of plugins
foundry_app          the application: owns nothing, every row passes row-level security
foundry_maintenance  sweeps and the operator: bypasses row-level security; used by two modules only
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from db.urls import DatabaseAddress

OWNER_ROLE = "foundry_owner"
APP_ROLE = "foundry_app"
MAINTENANCE_ROLE = "foundry_maintenance"

_ATTRIBUTES = {
    OWNER_ROLE: "LOGIN NOSUPERUSER NOBYPASSRLS",
    APP_ROLE: "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS",
    MAINTENANCE_ROLE: "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE BYPASSRLS",
}


async def prepare_database(superuser: DatabaseAddress, database: str, passwords: dict[str, str]) -> DatabaseAddress:
    """Make the roles, the database and its extension unless they exist.

    Args:
        superuser: A role that may create roles and databases, connected to any existing database.
        database: Name of the database to make.
        passwords: Role → password; a role without one can only come in where the server trusts the socket.

    Returns:
        The address of the database, still as the superuser.
    """
    async with await psycopg.AsyncConnection.connect(superuser.libpq(), autocommit=True) as connection:
        for role, attributes in _ATTRIBUTES.items():
            await _ensure_role(connection, role, attributes, passwords.get(role, ""))
        exists = await (
            await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
        ).fetchone()
        if exists is None:
            await connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(OWNER_ROLE))
            )
    address = DatabaseAddress(
        superuser.host, superuser.port, database, superuser.user, superuser.password, superuser.ssl_mode
    )
    async with await psycopg.AsyncConnection.connect(address.libpq(), autocommit=True) as connection:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        await connection.execute(
            sql.SQL("GRANT USAGE, CREATE ON SCHEMA public TO {}").format(sql.Identifier(OWNER_ROLE))
        )
        await connection.execute(
            sql.SQL("GRANT USAGE, CREATE ON SCHEMA public TO {}").format(sql.Identifier(MAINTENANCE_ROLE))
        )
        await connection.execute(
            sql.SQL("GRANT {} TO {} WITH INHERIT FALSE, SET TRUE").format(
                sql.Identifier(MAINTENANCE_ROLE), sql.Identifier(OWNER_ROLE)
            )
        )
    return address


async def _ensure_role(connection: psycopg.AsyncConnection, role: str, attributes: str, password: str) -> None:
    exists = await (await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))).fetchone()
    verb = "ALTER" if exists else "CREATE"
    statement = sql.SQL("{} ROLE {} {}").format(sql.SQL(verb), sql.Identifier(role), sql.SQL(attributes))
    if password:
        statement = sql.SQL("{} PASSWORD {}").format(statement, sql.Literal(password))
    await connection.execute(statement)
