"""How does the pgvector plugin behave when things go wrong around it?"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx
import numpy as np
import psycopg
import pytest

from core.errors import ConfigurationError, ProviderError, ProviderUnavailableError
from core.types import PluginStatus, SparseVector, VectorFilter
from plugins.interfaces import PluginContext
from plugins.vector_db.pgvector import connections
from plugins.vector_db.pgvector import sql as statements
from plugins.vector_db.pgvector.provider import PgvectorOptions, PgvectorProvider
from plugins.vector_db.pgvector.terms import choose_terms, index_keys
from tests.contracts.vector_db_suite import COLLECTION, QUERY_TERMS, SIZE, make_corpus, query_vector
from tests.fixtures.postgres import Database, PostgresServer


@pytest.fixture
async def context(database: Database, tmp_path: Path) -> AsyncIterator[PluginContext]:
    async with httpx.AsyncClient() as http:
        yield PluginContext(
            http=http, data_dir=tmp_path, database_url=database.app_url, migration_url=database.owner_url
        )


@pytest.fixture
async def store(context: PluginContext) -> AsyncIterator[PgvectorProvider]:
    provider = PgvectorProvider(PgvectorOptions(pool_size=1, sparse_exact_limit=0), context)
    await provider.start()
    await provider.create_collection(COLLECTION, SIZE)
    yield provider
    await provider.close()


async def _wait_until_blocked(database: Database) -> None:
    async with await psycopg.AsyncConnection.connect(database.superuser_url, autocommit=True) as watcher:
        async with asyncio.timeout(10):
            while True:
                row = await (
                    await watcher.execute(
                        "SELECT count(*) FROM pg_stat_activity"
                        " WHERE application_name = 'foundry-vectors' AND wait_event_type = 'Lock'"
                    )
                ).fetchone()
                if row and row[0]:
                    return
                await asyncio.sleep(0)


async def test_a_cancelled_upsert_ends_in_the_database_and_leaves_the_pool_clean(
    store: PgvectorProvider, database: Database
) -> None:
    corpus = make_corpus(3)
    scope = VectorFilter(corpus.organization_id)
    await store.upsert(COLLECTION, corpus.vectors, corpus.payloads, corpus.ids, corpus.sparse)
    with psycopg.connect(database.app_url) as blocker:
        blocker.execute(statements.SET_ORGANIZATION, (str(corpus.organization_id),))
        blocker.execute("SELECT 1 FROM vectors.passages FOR UPDATE")
        blocked = asyncio.create_task(
            store.upsert(COLLECTION, -corpus.vectors, corpus.payloads, corpus.ids, corpus.sparse)
        )
        await _wait_until_blocked(database)
        blocked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await blocked
        # The pool has one connection: counting proves that it came back usable while the lock still stands.
        assert await store.count(COLLECTION, scope) == 3
    hits = await store.search(COLLECTION, corpus.vectors[0], 1, scope)
    assert hits[0].score == pytest.approx(1.0, abs=2e-3), "nothing of the cancelled call was kept"


async def test_the_organisation_does_not_outlive_its_call(store: PgvectorProvider) -> None:
    corpus = make_corpus(3)
    await store.upsert(COLLECTION, corpus.vectors, corpus.payloads, corpus.ids)
    async with store._opened().connection() as connection:
        row = await (await connection.execute("SELECT count(*) FROM vectors.passages")).fetchone()
    assert row == (0,)


async def test_an_exhausted_pool_is_an_unavailable_store_after_its_timeout(
    store: PgvectorProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store._opened(), "timeout", 0.05)
    async with store._opened().connection():
        with pytest.raises(ProviderUnavailableError):
            await store.count(COLLECTION, VectorFilter(uuid4()))
    assert connections.POOL_TIMEOUT_S == 5.0


async def test_a_killed_connection_is_replaced_before_the_next_call(
    store: PgvectorProvider, database: Database
) -> None:
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'foundry-vectors'"
        )
    assert await store.count(COLLECTION, VectorFilter(uuid4())) == 0


async def test_a_statement_that_takes_too_long_is_an_unavailable_store(
    context: PluginContext, database: Database
) -> None:
    store = PgvectorProvider(PgvectorOptions(statement_timeout_s=0.1), context)
    await store.start()
    await store.create_collection(COLLECTION, SIZE)
    with psycopg.connect(database.owner_url) as blocker:
        blocker.execute("LOCK TABLE vectors.passages")
        with pytest.raises(ProviderUnavailableError):
            await store.search(COLLECTION, query_vector(), 5, VectorFilter(uuid4()))
    await store.close()


async def test_an_unreachable_server_is_unavailable_at_start_and_broken_in_health(
    context: PluginContext, tmp_path: Path
) -> None:
    store = PgvectorProvider(
        PgvectorOptions(), replace(context, database_url=f"postgresql://foundry_app@/nothing?host={tmp_path}")
    )
    with pytest.raises(ProviderUnavailableError):
        await store.start()
    assert (await store.health_check()).status is PluginStatus.BROKEN


async def test_a_database_without_the_extension_is_named(
    context: PluginContext, postgres_server: PostgresServer
) -> None:
    store = PgvectorProvider(
        PgvectorOptions(), replace(context, database_url=postgres_server.url("postgres", "foundry_app"))
    )
    with pytest.raises(ConfigurationError, match="CREATE EXTENSION vector"):
        await store.start()


async def test_settings_that_cannot_work_are_refused_with_the_reason(
    store: PgvectorProvider, context: PluginContext
) -> None:
    with pytest.raises(ConfigurationError, match="section 'database'"):
        await PgvectorProvider(PgvectorOptions(), replace(context, database_url="")).start()
    with pytest.raises(ConfigurationError, match="allowed: cosine"):
        await store.create_collection("other", SIZE, "euclid")
    with pytest.raises(ConfigurationError, match="1 to 16000"):
        await store.create_collection("other", 0)


async def test_a_process_without_the_owners_url_uses_collections_but_creates_none(
    store: PgvectorProvider, context: PluginContext
) -> None:
    second = PgvectorProvider(PgvectorOptions(), replace(context, migration_url=""))
    await second.start()
    await second.create_collection(COLLECTION, SIZE)
    with pytest.raises(ConfigurationError, match="foundry migrate"):
        await second.create_collection("another", SIZE)
    await second.close()


async def test_many_processes_may_create_the_same_collection_at_once(context: PluginContext) -> None:
    stores = [PgvectorProvider(PgvectorOptions(), context) for _ in range(4)]
    for one in stores:
        await one.start()
    await asyncio.gather(*(one.create_collection("shared", SIZE) for one in stores))
    assert [await one.count("shared", VectorFilter(uuid4())) for one in stores] == [0] * 4
    for one in stores:
        await one.close()


async def test_when_rare_terms_find_too_little_all_terms_are_asked(
    store: PgvectorProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = make_corpus(50)
    await store.upsert(COLLECTION, corpus.vectors, corpus.payloads, corpus.ids, corpus.sparse)
    # As if the statistics had promised many rows for a term that in truth occurs nowhere.
    monkeypatch.setattr("plugins.vector_db.pgvector.provider.choose_terms", lambda *_: (199_999,))
    query = SparseVector((*QUERY_TERMS.indices, 199_999), (*QUERY_TERMS.values, 9.0))
    hits = await store.search_hybrid(COLLECTION, query_vector(), query, 1, VectorFilter(corpus.organization_id))
    best = max(corpus.dots(QUERY_TERMS).items(), key=lambda item: item[1])
    assert best[0] in {hit.id for hit in hits}


async def test_dense_search_is_exact_beyond_the_limit_and_says_that_it_is_slow(
    context: PluginContext, capsys: pytest.CaptureFixture[str]
) -> None:
    store = PgvectorProvider(PgvectorOptions(exact_limit=10), context)
    await store.start()
    await store.create_collection(COLLECTION, SIZE)
    corpus = make_corpus(40)
    await store.upsert(COLLECTION, corpus.vectors, corpus.payloads, corpus.ids)
    hits = await store.search(COLLECTION, corpus.vectors[7], 40, VectorFilter(corpus.organization_id))
    await store.close()
    assert (hits[0].id, len(hits)) == (corpus.ids[7], 40)
    assert "vector_search_beyond_exact_limit" in capsys.readouterr().out


async def test_an_unstarted_store_says_so(context: PluginContext) -> None:
    with pytest.raises(ProviderError, match="not started"):
        await PgvectorProvider(PgvectorOptions(), context).count(COLLECTION, VectorFilter(uuid4()))


def test_a_small_set_is_searched_by_all_terms_and_a_large_one_by_the_rarest() -> None:
    shares = np.array([0.5, 0.2, 0.01, 0.001])
    query = SparseVector((1, 2, 3, 4), tuple((-np.log(shares)).tolist()))
    assert set(choose_terms(query, rows=5_000, limit=10, budget=5_000)) == {1, 2, 3, 4}
    assert choose_terms(query, rows=100_000, limit=10, budget=5_000) == (4, 3)


def test_a_term_that_occurs_nowhere_never_chooses_alone() -> None:
    query = SparseVector((1, 2), (-math.log(0.5), 18.0))
    assert choose_terms(query, rows=1_000_000, limit=10, budget=5_000) == (2, 1)


def test_term_keys_differ_between_organisations_and_are_unique_within_one() -> None:
    one, two = uuid4(), uuid4()
    assert len(set(index_keys(range(10_000), one))) == 10_000
    assert index_keys(range(100), one) != index_keys(range(100), two)
    assert all(0 <= key < 2**31 for key in index_keys([0, 2**29 - 1], one))
