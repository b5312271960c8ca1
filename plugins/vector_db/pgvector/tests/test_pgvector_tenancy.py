"""Do the policies keep tenants apart when the plugin's own WHERE clauses are gone?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
import pytest
from psycopg.sql import SQL

from core.errors import ConfigurationError
from core.types import VectorFilter
from plugins.interfaces import PluginContext
from plugins.vector_db.pgvector import sql as statements
from plugins.vector_db.pgvector.provider import PgvectorOptions, PgvectorProvider
from plugins.vector_db.pgvector.terms import index_keys
from tests.contracts.vector_db_suite import COLLECTION, QUERY_TERMS, SIZE, Corpus, make_corpus, query_vector
from tests.fixtures.postgres import Database

TABLES = ('vectors."passages"', 'vectors."passages$sparse"')


@pytest.fixture
async def context(database: Database, tmp_path: Path) -> AsyncIterator[PluginContext]:
    async with httpx.AsyncClient() as http:
        yield PluginContext(
            http=http, data_dir=tmp_path, database_url=database.app_url, migration_url=database.owner_url
        )


@pytest.fixture
async def tenants(context: PluginContext) -> AsyncIterator[tuple[PgvectorProvider, Corpus, Corpus]]:
    """A started store with ten rows of each of two organisations."""
    store = PgvectorProvider(PgvectorOptions(), context)
    await store.start()
    await store.create_collection(COLLECTION, SIZE)
    first, second = make_corpus(10, seed=1), make_corpus(10, seed=2)
    for corpus in (first, second):
        await store.upsert(COLLECTION, corpus.vectors, corpus.payloads, corpus.ids, corpus.sparse)
    yield store, first, second
    await store.close()


def raw(database: Database, organization_id: UUID | None) -> psycopg.Connection:
    """The application role's own connection, bound to an organisation or to none."""
    connection = psycopg.connect(database.app_url)
    if organization_id is not None:
        connection.execute(statements.SET_ORGANIZATION, (str(organization_id),))
    return connection


async def test_the_application_role_is_neither_superuser_nor_bypasses_policies_nor_owns_the_tables(
    tenants: tuple[PgvectorProvider, Corpus, Corpus], database: Database
) -> None:
    with raw(database, None) as connection:
        role = connection.execute(
            "SELECT current_user::text, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        tables = connection.execute(
            "SELECT relname, pg_get_userbyid(relowner), relrowsecurity, relforcerowsecurity FROM pg_class"
            " WHERE relnamespace = 'vectors'::regnamespace AND relkind = 'r' ORDER BY relname"
        ).fetchall()
    assert role == ("foundry_app", False, False)
    assert tables == [(name, "foundry_owner", True, True) for name in ("passages", "passages$sparse")]


@pytest.mark.parametrize("table", TABLES)
async def test_without_any_where_clause_only_the_set_organisation_is_visible(
    tenants: tuple[PgvectorProvider, Corpus, Corpus], database: Database, table: str
) -> None:
    _, first, second = tenants
    for corpus in (first, second):
        with raw(database, corpus.organization_id) as connection:
            rows = connection.execute(f"SELECT id FROM {table}".encode()).fetchall()
        assert {row[0] for row in rows} == set(corpus.ids)
    with raw(database, None) as connection:
        assert connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)


@pytest.mark.parametrize("table", TABLES)
async def test_rows_cannot_be_written_into_or_moved_to_another_organisation(
    tenants: tuple[PgvectorProvider, Corpus, Corpus], database: Database, table: str
) -> None:
    store, first, second = tenants
    with raw(database, first.organization_id) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"UPDATE {table} SET organization_id = %s".encode(), (second.organization_id,))
    with raw(database, first.organization_id) as connection:
        assert connection.execute(f"DELETE FROM {table}".encode()).rowcount == 10
        connection.rollback()
    with raw(database, first.organization_id) as connection:
        connection.execute(f"DELETE FROM {table}".encode())
    assert await store.count(COLLECTION, VectorFilter(second.organization_id)) == 10


async def test_the_candidate_function_sees_only_the_set_organisation_whatever_keys_it_is_given(
    tenants: tuple[PgvectorProvider, Corpus, Corpus], database: Database
) -> None:
    _, first, second = tenants
    query = "{" + ",".join(f"{term + 1}:1" for term in range(200)) + "}/536870912"
    keys = [key for c in (first, second) for key in index_keys(range(200), c.organization_id)]
    call = b'SELECT id FROM vectors."passages$candidates"(%s::sparsevec, %s::int[], NULL, NULL, 1000)'
    for organization_id, expected in ((first.organization_id, set(first.ids)), (None, set[UUID]())):
        with raw(database, organization_id) as connection:
            assert {row[0] for row in connection.execute(call, (query, keys)).fetchall()} == expected


async def test_searches_with_their_filters_removed_still_return_only_the_own_organisation(
    tenants: tuple[PgvectorProvider, Corpus, Corpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, first, _ = tenants
    monkeypatch.setattr(statements, "_FILTERS", SQL("true"))
    scope = VectorFilter(first.organization_id)
    dense = await store.search(COLLECTION, query_vector(), 100, scope)
    hybrid = await store.search_hybrid(COLLECTION, query_vector(), QUERY_TERMS, 100, scope)
    assert {hit.id for hit in dense} == {hit.id for hit in hybrid} == set(first.ids)


async def test_the_application_role_may_neither_create_nor_drop_nor_truncate(
    tenants: tuple[PgvectorProvider, Corpus, Corpus], database: Database
) -> None:
    for statement in (
        b"CREATE TABLE vectors.mine (id int)",
        b"DROP TABLE vectors.passages",
        b"TRUNCATE vectors.passages",
        b"DROP POLICY tenant ON vectors.passages",
        b"ALTER TABLE vectors.passages DISABLE ROW LEVEL SECURITY",
    ):
        with raw(database, None) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


async def test_a_role_that_bypasses_policies_is_refused_at_start(context: PluginContext, database: Database) -> None:
    for url in (database.superuser_url, database.maintenance_url):
        store = PgvectorProvider(
            PgvectorOptions(), PluginContext(http=context.http, data_dir=context.data_dir, database_url=url)
        )
        with pytest.raises(ConfigurationError, match="row-level security"):
            await store.start()
        await store.close()
