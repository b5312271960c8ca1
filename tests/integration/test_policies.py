"""Does every table keep organisations apart, and do the tables stand as the models say?"""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

import db.models  # noqa: F401 - declares the tables
from db.base import Base
from db.roles import OWNER_ROLE
from db.urls import DatabaseAddress
from tests.fixtures.postgres import PostgresServer

OURS = "n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relname <> 'alembic_version'"


def connected(server: PostgresServer, database: str) -> Connection:
    address = DatabaseAddress(server.socket_dir, 5432, database, OWNER_ROLE, ssl_mode="disable")
    return create_engine(address.sqlalchemy(), poolclass=NullPool).connect()


def test_each_table_has_row_level_security_that_binds_its_owner_too(
    postgres_server: PostgresServer, migrated_database: str
) -> None:
    statement = text(
        "SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, "
        "EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) "
        f"FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {OURS}"
    )
    with connected(postgres_server, migrated_database) as connection:
        found = {row[0]: tuple(row[1:]) for row in connection.execute(statement)}
    assert found.keys() == Base.metadata.tables.keys()
    assert {name: how for name, how in found.items() if how != (True, True, True)} == {}


def test_the_tables_have_the_columns_of_the_models(postgres_server: PostgresServer, migrated_database: str) -> None:
    with connected(postgres_server, migrated_database) as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    tables_and_columns = ("add_table", "remove_table", "add_column", "remove_column")
    assert [one for one in differences if isinstance(one, tuple) and one[0] in tables_and_columns] == []
