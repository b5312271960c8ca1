"""Is Pinecone used as the plugin's README promises?"""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import pydantic
import pytest

from core.errors import ConfigurationError, ProviderError, ProviderUnavailableError
from core.types import PluginStatus, SparseVector, VectorFilter
from plugins.interfaces import PluginContext
from plugins.vector_db.pinecone import rows
from plugins.vector_db.pinecone.options import PineconeOptions
from plugins.vector_db.pinecone.provider import PineconeProvider
from tests.contracts.vector_corpus import COLLECTION, QUERY_TERMS, SIZE, make_corpus, query_vector, store_corpus
from tests.servers.pinecone_server import KEY, MAX_REQUEST, Fault, PineconeServer


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[PluginContext]:
    async with httpx.AsyncClient() as http:
        yield PluginContext(http=http, data_dir=tmp_path)


@pytest.fixture
async def server() -> AsyncIterator[PineconeServer]:
    async with PineconeServer(SIZE).running() as server:
        yield server


async def started(context: PluginContext, server: PineconeServer, **options: Any) -> PineconeProvider:
    given = {"host": server.address, "api_key": KEY, "timeout_s": 60, **options}
    provider = PineconeProvider(PineconeOptions(**given), context)
    await provider.start()
    return provider


async def with_collection(context: PluginContext, server: PineconeServer, **options: Any) -> PineconeProvider:
    provider = await started(context, server, **options)
    await provider.create_collection(COLLECTION, SIZE)
    server.calls.clear()
    server.bodies.clear()
    return provider


async def test_every_call_about_rows_names_the_organisations_namespace(
    context: PluginContext, server: PineconeServer
) -> None:
    store = await with_collection(context, server)
    organization = uuid4()
    corpus = make_corpus(3, organization_id=organization)
    scope = VectorFilter(organization, frozenset({corpus.payloads[0].collection_id}), frozenset({uuid4()}))
    await store_corpus(store, corpus)
    await store.search(COLLECTION, query_vector(), 5, scope)
    await store.search_hybrid(COLLECTION, query_vector(), QUERY_TERMS, 5, scope)
    await store.count(COLLECTION, scope)
    await store.delete_documents(COLLECTION, [uuid4()], organization)
    await store.delete_version(COLLECTION, uuid4(), organization)
    await store.delete(COLLECTION, corpus.ids, organization)
    assert {call.split("/")[-1] for call in server.calls} == {"upsert", "query", "fetch_by_metadata", "delete"}
    assert {body["namespace"] for body in server.bodies} == {f"{COLLECTION}-{organization}"}


async def test_a_row_holds_ids_and_no_text(context: PluginContext, server: PineconeServer) -> None:
    store = await with_collection(context, server)
    corpus = make_corpus(1)
    await store_corpus(store, corpus)
    (row,) = server.bodies[0]["vectors"]
    assert set(row) == {"id", "values", "sparseValues", "metadata"}
    assert set(row["metadata"]) == {"organization_id", "collection_id", "document_id", "version_id", "chunk_id"}
    assert all(UUID(value) for value in row["metadata"].values())
    assert row["id"] != str(corpus.ids[0])
    assert np.linalg.norm(row["values"]) == pytest.approx(1.0, abs=1e-5)


async def test_an_index_by_cosine_gets_no_terms_and_says_that_words_were_not_compared(context: PluginContext) -> None:
    async with PineconeServer(SIZE, "cosine").running() as server:
        store = await with_collection(context, server)
        corpus = make_corpus(20)
        await store_corpus(store, corpus)
        scope = VectorFilter(corpus.organization_id)
        hits = await store.search_hybrid(COLLECTION, query_vector(), QUERY_TERMS, 5, scope)
        stored = server.bodies[0]["vectors"]
    assert not store.supports_sparse
    assert not any("sparseValues" in row for row in stored)
    assert [hit.sparse_score for hit in hits] == [None] * 5


async def test_a_hybrid_search_asks_each_side_alone_and_then_for_what_is_missing(
    context: PluginContext, server: PineconeServer
) -> None:
    store = await with_collection(context, server)
    corpus = make_corpus(200)
    await store_corpus(store, corpus)
    server.bodies.clear()
    await store.search_hybrid(COLLECTION, query_vector(), QUERY_TERMS, 5, VectorFilter(corpus.organization_id))
    sides = sorted(("sparseVector" in body, any(body["vector"]), "filter" in body) for body in server.bodies)
    assert sides == [(False, True, False), (False, True, True), (True, False, False), (True, False, True)]


async def test_many_rows_travel_in_batches(context: PluginContext, server: PineconeServer) -> None:
    store = await with_collection(context, server, upsert_batch=50)
    await store_corpus(store, make_corpus(120))
    assert [len(body["vectors"]) for body in server.bodies if "vectors" in body] == [50, 50, 20]


async def test_requests_stay_below_two_megabytes(context: PluginContext) -> None:
    size = 4_000
    async with PineconeServer(size).running() as server:
        store = await started(context, server)
        await store.create_collection("long", size)
        corpus = make_corpus(100)
        vectors = np.random.default_rng(1).standard_normal((100, size)).astype(np.float32)
        await store.upsert("long", vectors, corpus.payloads, corpus.ids, corpus.sparse)
        assert await store.count("long", VectorFilter(corpus.organization_id)) == 100
        assert 3 < server.calls.count("POST /vectors/upsert") < 10
        assert MAX_REQUEST // 2 < max(server.sizes) < MAX_REQUEST


async def test_filters_longer_than_pinecone_takes_are_split_and_admit_exactly_theirs(
    context: PluginContext, server: PineconeServer
) -> None:
    store = await with_collection(context, server)
    corpus = make_corpus(40)
    await store_corpus(store, corpus)
    theirs = [corpus.payloads[row].document_id for row in (0, 1)]
    strangers = [uuid4() for _ in range(20_500)]
    scope = VectorFilter(corpus.organization_id, document_ids=frozenset({*theirs, *strangers}))
    hits = await store.search(COLLECTION, query_vector(), 100, scope)
    hybrid = await store.search_hybrid(COLLECTION, query_vector(), QUERY_TERMS, 100, scope)
    assert {hit.payload.document_id for hit in hits} == set(theirs)
    assert len(hits) == len(hybrid) == await store.count(COLLECTION, scope) == 20
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    await store.delete_documents(COLLECTION, [*strangers, *theirs], corpus.organization_id)
    assert await store.count(COLLECTION, VectorFilter(corpus.organization_id)) == 20


async def test_a_count_with_a_filter_reads_all_pages(context: PluginContext, server: PineconeServer) -> None:
    store = await with_collection(context, server)
    corpus = make_corpus(1_000)
    await store_corpus(store, corpus)
    scope = VectorFilter(corpus.organization_id, document_ids=frozenset({corpus.payloads[0].document_id}))
    assert await store.count(COLLECTION, scope) == 250
    assert server.calls.count("POST /vectors/fetch_by_metadata") == 3


async def test_of_a_passage_with_too_many_terms_the_heaviest_are_kept() -> None:
    terms = SparseVector(tuple(range(1_500)), tuple(float(number % 1_500) + 1 for number in range(1_500)))
    kept = rows.sparse(terms, rows.MAX_TERMS)
    assert kept is not None
    assert kept["indices"] == list(range(500, 1_500))


async def test_storing_and_deleting_wait_until_searches_see_it(context: PluginContext, server: PineconeServer) -> None:
    server.lag = 3
    store = await with_collection(context, server)
    corpus = make_corpus(5)
    scope = VectorFilter(corpus.organization_id)
    await store_corpus(store, corpus)
    assert len(await store.search(COLLECTION, query_vector(), 10, scope)) == 5
    await store.delete(COLLECTION, corpus.ids[:2], corpus.organization_id)
    assert len(await store.search(COLLECTION, query_vector(), 10, scope)) == 3
    await store.delete_version(COLLECTION, corpus.payloads[2].version_id, corpus.organization_id)
    assert len(await store.search(COLLECTION, query_vector(), 10, scope)) == 2


async def test_a_write_that_does_not_get_visible_in_time_is_no_success(
    context: PluginContext, server: PineconeServer
) -> None:
    store = await with_collection(context, server, fresh_s=0.2)
    server.lag = 1_000
    with pytest.raises(ProviderUnavailableError, match="not finished writing"):
        await store_corpus(store, make_corpus(1))


@pytest.mark.parametrize("numbered", [True, False])
async def test_nobody_waits_where_told_not_to_or_where_writes_have_no_numbers(
    context: PluginContext, server: PineconeServer, numbered: bool
) -> None:
    server.numbered = numbered
    store = await with_collection(context, server, fresh_s=0 if numbered else 30)
    await store_corpus(store, make_corpus(1))
    assert server.calls == ["POST /vectors/upsert"]


async def test_a_store_that_took_fewer_rows_than_it_got_is_an_error(
    context: PluginContext, server: PineconeServer
) -> None:
    store = await with_collection(context, server)
    server.fault = Fault.PARTIAL
    with pytest.raises(ProviderError, match="fewer"):
        await store_corpus(store, make_corpus(3))


@pytest.mark.parametrize(
    ("dimension", "metric", "words"), [(SIZE, "euclidean", "euclidean"), (None, "dotproduct", "no dense vectors")]
)
async def test_an_index_of_another_kind_is_named_at_start(
    context: PluginContext, dimension: int | None, metric: str, words: str
) -> None:
    async with PineconeServer(dimension, metric).running() as server:
        with pytest.raises(ConfigurationError, match=words):
            await started(context, server)


async def test_key_and_version_travel_with_every_call_and_the_key_is_never_shown(
    context: PluginContext, server: PineconeServer
) -> None:
    store = await started(context, server)
    assert server.headers["api-key"] == KEY
    assert server.headers["x-pinecone-api-version"] == "2026-07"
    server.fault = Fault.BAD_KEY
    health = await store.health_check()
    assert health.status is PluginStatus.BROKEN
    assert KEY not in f"{health}{PineconeOptions(host=server.address, api_key=KEY)!r}"


async def test_a_wrong_key_is_told_at_start(context: PluginContext, server: PineconeServer) -> None:
    with pytest.raises(ProviderError, match="key"):
        await started(context, server, api_key="another")


async def test_a_key_over_plain_http_to_another_machine_is_logged(
    context: PluginContext, capsys: pytest.CaptureFixture[str]
) -> None:
    options = PineconeOptions(host="http://pinecone.invalid", api_key=KEY, timeout_s=5)
    with pytest.raises(ProviderUnavailableError):
        await PineconeProvider(options, context).start()
    logged = capsys.readouterr().out
    assert "pinecone_key_travels_unencrypted" in logged
    assert KEY not in logged


async def test_a_collection_made_by_one_process_is_there_for_another(
    context: PluginContext, server: PineconeServer
) -> None:
    one = await with_collection(context, server)
    corpus = make_corpus(2)
    await store_corpus(one, corpus)
    other = await started(context, server)
    assert await other.count(COLLECTION, VectorFilter(corpus.organization_id)) == 2


async def test_departments_with_a_prefix_of_their_own_share_an_index(
    context: PluginContext, server: PineconeServer
) -> None:
    finance = await with_collection(context, server, namespace_prefix="finance-")
    sales = await started(context, server, namespace_prefix="sales-")
    corpus = make_corpus(2)
    scope = VectorFilter(corpus.organization_id)
    await store_corpus(finance, corpus)
    with pytest.raises(ProviderError, match="does not exist"):
        await sales.count(COLLECTION, scope)
    await sales.create_collection(COLLECTION, SIZE)
    assert [await store.count(COLLECTION, scope) for store in (finance, sales)] == [2, 0]


async def test_a_row_that_is_not_ours_is_an_error_and_not_a_crash(
    context: PluginContext, server: PineconeServer
) -> None:
    store = await with_collection(context, server)
    organization = uuid4()
    foreign = {"id": "1", "values": [1.0] * SIZE, "metadata": {"text": "by hand"}}
    server.spaces[f"{COLLECTION}-{organization}"] = {"1": foreign}
    with pytest.raises(ProviderError, match="not ours"):
        await store.search(COLLECTION, query_vector(), 3, VectorFilter(organization))


async def test_an_answer_without_a_result_is_an_error(context: PluginContext, server: PineconeServer) -> None:
    store = await with_collection(context, server)
    server.fault = Fault.EMPTY
    for call in (
        store.count(COLLECTION, VectorFilter(uuid4())),
        store.search(COLLECTION, query_vector(), 3, VectorFilter(uuid4())),
        store_corpus(store, make_corpus(1)),
        store.delete_version(COLLECTION, uuid4(), uuid4()),
    ):
        with pytest.raises(ProviderError, match="something else"):
            await call


async def test_an_unreachable_index_is_unavailable_at_start(context: PluginContext) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{closed.getsockname()[1]}"
        store = PineconeProvider(PineconeOptions(host=host, api_key=KEY, timeout_s=5), context)
        with pytest.raises(ProviderUnavailableError):
            await store.start()
        assert (await store.health_check()).status is PluginStatus.BROKEN
        await store.close()


def test_a_host_as_the_console_shows_it_is_asked_over_tls() -> None:
    options = {"host": "foundry-abc.svc.aped-1.pinecone.io", "api_key": KEY}
    assert PineconeOptions.model_validate(options).address == "https://foundry-abc.svc.aped-1.pinecone.io"
    local = {**options, "host": "http://localhost:5080/"}
    assert PineconeOptions.model_validate(local).address == "http://localhost:5080"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"host": ""},
        {"host": "a b"},
        {"host": "ftp://a"},
        {"host": "https://a/path"},
        {"namespace_prefix": "a/"},
        {"upsert_batch": 1_001},
        {"timeout_s": 0},
        {"environment": "us-east-1"},
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any]) -> None:
    base = {"host": "a.pinecone.io", "api_key": KEY} if options else {}
    with pytest.raises(pydantic.ValidationError):
        PineconeOptions.model_validate({**base, **options})


def test_bodies_are_json_whatever_the_namespace() -> None:
    corpus = make_corpus(2)
    (request,) = rows.requests('ü"-x', corpus.vectors, corpus.payloads, corpus.ids, corpus.sparse, 100)
    assert json.loads(request.body)["namespace"] == 'ü"-x'
