"""How does the plugin reach PostgreSQL, and what becomes of its failures?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeAlias
from uuid import UUID

import psycopg
from pgvector.psycopg import register_vector_async
from psycopg import sql
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from core.errors import ConfigurationError, ProviderError, ProviderUnavailableError
from core.telemetry import span
from plugins.vector_db.pgvector import sql as statements

Connection: TypeAlias = psycopg.AsyncConnection[TupleRow]
Pool: TypeAlias = AsyncConnectionPool[Connection]

CONNECT_TIMEOUT_S = 5
POOL_TIMEOUT_S = 5.0


@contextmanager
def translated() -> Iterator[None]:
    """Turn what psycopg raises into errors of our tree."""
    try:
        yield
    except psycopg.errors.UndefinedTable as error:
        raise ProviderError(
            "The vector collection does not exist.", next_step="Run the migrations, then index again."
        ) from error
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
        raise ProviderUnavailableError(
            "The vector store did not answer.", next_step="Check that PostgreSQL is running and reachable."
        ) from error
    except psycopg.Error as error:
        raise ProviderError(f"The vector store refused ({error.sqlstate or type(error).__name__}).") from error


def make_pool(url: str, max_size: int, statement_timeout_s: float) -> Pool:
    """A closed pool of application-role connections that know pgvector's types."""

    async def configure(connection: Connection) -> None:
        await register_vector_async(connection)
        # Compiling a plan costs more than any query here; a generic plan would not see how rare the terms are.
        await connection.execute("SELECT set_config('jit', 'off', false), set_config('statement_timeout', %s, false)",
            (str(int(statement_timeout_s * 1000)),),
        )  # fmt: skip
        await connection.commit()

    return AsyncConnectionPool(
        url,
        connection_class=psycopg.AsyncConnection[TupleRow],
        kwargs={"connect_timeout": CONNECT_TIMEOUT_S, "prepare_threshold": None, "application_name": "foundry-vectors"},
        min_size=1,
        max_size=max_size,
        open=False,
        timeout=POOL_TIMEOUT_S,
        configure=configure,
        check=AsyncConnectionPool.check_connection,
        name="pgvector",
    )


@asynccontextmanager
async def tenant_transaction(pool: Pool, organization_id: UUID, operation: str) -> AsyncIterator[Connection]:
    """A transaction in which only this organisation's rows exist; timed as ``operation``, failures translated."""
    with span(operation, organization_id=organization_id), translated():
        async with pool.connection() as connection, connection.transaction():
            await connection.execute(statements.SET_ORGANIZATION, (str(organization_id),))
            yield connection


async def check_role(url: str) -> str:
    """The schema of the ``vector`` extension, after making sure the policies bind this role.

    Raises:
        ConfigurationError: The extension is missing, or the role is a superuser or bypasses row-level security.
        ProviderUnavailableError: PostgreSQL cannot be reached.
    """
    with translated():
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            extension = await (await connection.execute(statements.EXTENSION)).fetchone()
            role = await (await connection.execute(statements.ROLE)).fetchone()
    if extension is None:
        raise ConfigurationError(
            "The PostgreSQL extension 'vector' is not installed in this database.",
            next_step="As superuser: CREATE EXTENSION vector.",
        )
    if role is None or role[0]:
        raise ConfigurationError(
            "database_url must not name a superuser or a role that bypasses row-level security.",
            next_step="Connect as the application role, foundry_app.",
        )
    return str(extension[0])


async def make_collection(migration_url: str, name: str, size: int, embedding_type: str, application: str) -> None:
    """Create schema and collection as the owner, unless another process was faster; one at a time."""
    with translated():
        async with await psycopg.AsyncConnection.connect(
            migration_url, connect_timeout=CONNECT_TIMEOUT_S
        ) as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('foundry.vectors', 0))")
            extension = await (await connection.execute(statements.EXTENSION)).fetchone()
            exists = await (await connection.execute(statements.SCHEMA_EXISTS)).fetchone()
            if not (exists and exists[0]):
                # Asked first because even IF NOT EXISTS needs the right to create schemas.
                await connection.execute("CREATE SCHEMA IF NOT EXISTS vectors")
            await connection.execute(sql.SQL("GRANT USAGE ON SCHEMA vectors TO {}").format(sql.Identifier(application)))
            if await embedding_column(connection, name) is None:
                await connection.execute(
                    statements.create(
                        name,
                        embedding_type=embedding_type,
                        size=size,
                        extension_schema=str(extension[0]) if extension else "public",
                        application=application,
                    )
                )


async def embedding_column(connection: Connection, name: str) -> tuple[str, int] | None:
    """Type (``vector`` or ``halfvec``) and dimensions of a collection, or None when it does not exist."""
    row = await (await connection.execute(statements.EMBEDDING_TYPE, {"name": name})).fetchone()
    if row is None:
        return None
    type_name, _, size = str(row[0]).rpartition(".")[2].rstrip(")").partition("(")
    return type_name.strip('"'), int(size)
