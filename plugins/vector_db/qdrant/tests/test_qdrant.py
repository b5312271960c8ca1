"""Is Qdrant used as the plugin's README promises?"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pydantic
import pytest
from qdrant_client import models

from core.errors import ConfigurationError, ProviderError, ProviderUnavailableError
from core.types import PluginStatus, VectorFilter
from plugins.interfaces import PluginContext
from plugins.vector_db.qdrant.options import QdrantOptions
from plugins.vector_db.qdrant.provider import QdrantProvider
from tests.contracts.vector_corpus import COLLECTION, QUERY_TERMS, SIZE, make_corpus, query_vector, store_corpus
from tests.servers.qdrant_engine import KEY, Fault
from tests.servers.qdrant_server import QdrantServer


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[PluginContext]:
    async with httpx.AsyncClient() as http:
        yield PluginContext(http=http, data_dir=tmp_path)


@pytest.fixture
async def server() -> AsyncIterator[QdrantServer]:
    async with QdrantServer().running() as server:
        yield server


@pytest.fixture(params=[False, True], ids=["http", "grpc"])
def wire(server: QdrantServer, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Options for the server, by either protocol."""
    return {"url": server.address, "grpc_port": server.grpc_port, "prefer_grpc": request.param}


async def started(context: PluginContext, **options: Any) -> QdrantProvider:
    provider = QdrantProvider(QdrantOptions(**options), context)
    await provider.start()
    return provider


async def use_everything(store: QdrantProvider, organization: UUID) -> None:
    corpus = make_corpus(3, organization_id=organization)
    scope = VectorFilter(organization, frozenset({corpus.payloads[0].collection_id}), frozenset({uuid4()}))
    await store_corpus(store, corpus)
    await store.search(COLLECTION, query_vector(), 5, scope)
    await store.search_hybrid(COLLECTION, query_vector(), QUERY_TERMS, 5, scope)
    await store.count(COLLECTION, scope)
    await store.delete(COLLECTION, corpus.ids, organization)
    await store.delete_documents(COLLECTION, [uuid4()], organization)
    await store.delete_version(COLLECTION, uuid4(), organization)


def filters(body: object) -> Iterator[list[dict[str, Any]]]:
    """The conditions of each place where a query or deletion chooses rows."""
    if isinstance(body, list):
        for item in body:
            yield from filters(item)
    elif isinstance(body, dict):
        if "using" in body or "exact" in body or "filter" in body:
            yield (body.get("filter") or {}).get("must", [])
        for item in body.values():
            yield from filters(item)


async def test_every_call_carries_the_organisation(context: PluginContext, server: QdrantServer) -> None:
    store = await started(context, url=server.address)
    await store.create_collection(COLLECTION, SIZE)
    server.bodies.clear()
    organization = uuid4()
    await use_everything(store, organization)
    await store.close()
    stored, *others = server.bodies
    assert {point["payload"]["organization_id"] for point in stored["points"]} == {str(organization)}
    assert len(others) == 6
    seen = 0
    for body in others:
        chosen = list(filters(body))
        assert chosen
        for must in chosen:
            seen += 1
            assert must[0] == {"key": "organization_id", "match": {"any": [str(organization)]}}
    assert seen == 1 + (2 + 4) + 1 + 3, "search, both queries with their prefetches, count, deletions"


async def test_a_point_holds_ids_and_no_text(context: PluginContext, server: QdrantServer) -> None:
    store = await started(context, url=server.address)
    await store.create_collection(COLLECTION, SIZE)
    await store_corpus(store, make_corpus(1))
    await store.close()
    (point,) = server.bodies[-1]["points"]
    assert set(point["payload"]) == {"organization_id", "collection_id", "document_id", "version_id", "chunk_id"}
    assert all(UUID(value) for value in point["payload"].values())
    assert point["id"] != point["payload"]["chunk_id"]


async def test_a_hybrid_search_is_one_call(context: PluginContext, server: QdrantServer, wire: dict[str, Any]) -> None:
    store = await started(context, **wire)
    await store.create_collection(COLLECTION, SIZE)
    corpus = make_corpus(40)
    await store_corpus(store, corpus)
    server.calls.clear()
    hits = await store.search_hybrid(COLLECTION, query_vector(), QUERY_TERMS, 5, VectorFilter(corpus.organization_id))
    await store.close()
    assert len(hits) > 5
    expected = (
        "/qdrant.Points/QueryBatch" if wire["prefer_grpc"] else f"POST /collections/{COLLECTION}/points/query/batch"
    )
    assert server.calls == [expected]


async def test_many_rows_travel_in_batches(context: PluginContext, server: QdrantServer, wire: dict[str, Any]) -> None:
    store = await started(context, **wire, upsert_batch=250)
    await store.create_collection(COLLECTION, SIZE)
    server.calls.clear()
    await store_corpus(store, make_corpus(600))
    await store.close()
    assert len(server.calls) == 3


async def test_the_organisation_is_indexed_as_tenant_and_the_other_filters_too(
    context: PluginContext, server: QdrantServer, wire: dict[str, Any]
) -> None:
    store = await started(context, **wire)
    await store.create_collection(COLLECTION, SIZE)
    made = server.indexes[COLLECTION]
    assert set(made) == {"organization_id", "collection_id", "document_id", "version_id"}
    assert {index.data_type for index in made.values()} == {models.PayloadSchemaType.KEYWORD}
    tenants = {field: index.params.is_tenant for field, index in made.items() if index.params}  # type: ignore[union-attr]
    assert tenants.pop("organization_id") is True
    assert not any(tenants.values())
    # What a process that died between left out is made by the next one; what is there is left alone.
    del made["document_id"]
    server.calls.clear()
    await store.create_collection(COLLECTION, SIZE)
    await store.close()
    assert "document_id" in made
    assert len([call for call in server.calls if "ndex" in call]) == 1


@pytest.mark.parametrize(
    ("told", "error", "words"),
    [("1.9.7", ConfigurationError, "too old"), ("latest", ProviderError, "version")],
)
async def test_servers_that_cannot_answer_our_queries_are_named(
    context: PluginContext, told: str, error: type[Exception], words: str
) -> None:
    async with QdrantServer(told_version=told).running() as server:
        provider = QdrantProvider(QdrantOptions(url=server.address), context)
        with pytest.raises(error, match=words):
            await provider.start()
        await provider.close()


async def test_a_server_without_tenant_indexes_gets_a_plain_one(context: PluginContext) -> None:
    async with QdrantServer(told_version="1.10.1").running() as server:
        store = await started(context, url=server.address)
        await store.create_collection(COLLECTION, SIZE)
        await store.close()
        params = server.indexes[COLLECTION]["organization_id"].params
    assert isinstance(params, models.KeywordIndexParams)
    assert params.is_tenant is None


async def test_the_key_travels_with_every_call_and_is_never_shown(
    context: PluginContext, server: QdrantServer, wire: dict[str, Any]
) -> None:
    store = await started(context, **wire, api_key=KEY)
    await store.create_collection(COLLECTION, SIZE)
    await use_everything(store, uuid4())
    server.fault = Fault.BAD_KEY
    health = await store.health_check()
    await store.close()
    assert server.keys == {KEY}
    assert health.status is PluginStatus.BROKEN
    assert KEY not in f"{health}{QdrantOptions(**wire, api_key=KEY)!r}"


async def test_without_a_key_none_is_sent(context: PluginContext, server: QdrantServer, wire: dict[str, Any]) -> None:
    store = await started(context, **wire)
    await store.close()
    assert server.keys == {""}


async def test_a_key_over_plain_http_to_another_machine_is_logged(
    context: PluginContext, capsys: pytest.CaptureFixture[str]
) -> None:
    provider = QdrantProvider(QdrantOptions(host="qdrant.invalid", api_key=KEY, timeout_s=5), context)
    with pytest.raises(ProviderUnavailableError):
        await provider.start()
    await provider.close()
    logged = capsys.readouterr().out
    assert "qdrant_key_travels_unencrypted" in logged
    assert KEY not in logged


@pytest.mark.parametrize(
    ("vectors", "sparse", "words"),
    [
        (models.VectorParams(size=SIZE, distance=models.Distance.COSINE), {}, "not made by"),
        (
            {"dense": models.VectorParams(size=SIZE, distance=models.Distance.DOT)},
            {"bm25": models.SparseVectorParams()},
            "not by cosine",
        ),
        (
            {"dense": models.VectorParams(size=SIZE, distance=models.Distance.COSINE)},
            {"bm25": models.SparseVectorParams(modifier=models.Modifier.IDF)},
            "weighs terms itself",
        ),
    ],
    ids=["of somebody else", "another metric", "idf of all tenants"],
)
async def test_collections_of_another_shape_are_refused_and_left_alone(
    context: PluginContext, server: QdrantServer, wire: dict[str, Any], vectors: Any, sparse: Any, words: str
) -> None:
    await server.engine.create_collection(COLLECTION, vectors_config=vectors, sparse_vectors_config=sparse)
    store = await started(context, **wire)
    with pytest.raises(ConfigurationError, match=words):
        await store.create_collection(COLLECTION, SIZE)
    await store.close()
    assert server.indexes == {}


async def test_many_processes_may_create_the_same_collection_at_once(
    context: PluginContext, server: QdrantServer, wire: dict[str, Any]
) -> None:
    stores = [await started(context, **wire) for _ in range(4)]
    await asyncio.gather(*(store.create_collection("shared", SIZE) for store in stores))
    assert [await store.count("shared", VectorFilter(uuid4())) for store in stores] == [0] * 4
    for store in stores:
        await store.close()


async def test_departments_with_a_prefix_of_their_own_share_a_server(
    context: PluginContext, server: QdrantServer, wire: dict[str, Any]
) -> None:
    finance = await started(context, **wire, collection_prefix="finance-")
    sales = await started(context, **wire, collection_prefix="sales-")
    corpus = make_corpus(2)
    for store in (finance, sales):
        await store.create_collection(COLLECTION, SIZE)
    await store_corpus(finance, corpus)
    scope = VectorFilter(corpus.organization_id)
    counted = [await store.count(COLLECTION, scope) for store in (finance, sales)]
    for store in (finance, sales):
        await store.close()
    assert counted == [2, 0]


# The client leaves the lock file it could not lock to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_folder_keeps_everything_and_refuses_a_second_process(context: PluginContext) -> None:
    corpus = make_corpus(3)
    first = await started(context, path="vectors")
    await first.create_collection(COLLECTION, SIZE)
    await store_corpus(first, corpus)
    with pytest.raises(ConfigurationError, match="in use by another process"):
        await started(context, path="vectors")
    await first.close()
    assert (context.data_dir / "vectors" / "meta.json").exists()
    again = await started(context, path="vectors")
    scope = VectorFilter(corpus.organization_id)
    hits = await again.search_hybrid(COLLECTION, corpus.vectors[0], corpus.sparse[0], 1, scope)
    await again.close()
    assert hits[0].id == corpus.ids[0]


@pytest.mark.parametrize("prefer_grpc", [False, True])
async def test_an_unreachable_server_is_unavailable_at_start(context: PluginContext, prefer_grpc: bool) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        options = QdrantOptions(host="127.0.0.1", port=port, grpc_port=port, prefer_grpc=prefer_grpc, timeout_s=5)
        provider = QdrantProvider(options, context)
        with pytest.raises(ProviderUnavailableError):
            await provider.start()
        assert (await provider.health_check()).status is PluginStatus.BROKEN
        await provider.close()


async def test_an_answer_without_a_result_is_an_error(context: PluginContext, server: QdrantServer) -> None:
    store = await started(context, url=server.address)
    await store.create_collection(COLLECTION, SIZE)
    server.fault = Fault.EMPTY
    for call in (
        store.count(COLLECTION, VectorFilter(uuid4())),
        store.search(COLLECTION, query_vector(), 3, VectorFilter(uuid4())),
        store_corpus(store, make_corpus(1)),
    ):
        with pytest.raises(ProviderError):
            await call
    await store.close()


async def test_a_write_that_the_server_has_not_finished_is_no_success(
    context: PluginContext, server: QdrantServer, wire: dict[str, Any]
) -> None:
    store = await started(context, **wire)
    await store.create_collection(COLLECTION, SIZE)
    server.fault = Fault.UNFINISHED
    with pytest.raises(ProviderUnavailableError):
        await store_corpus(store, make_corpus(1))
    with pytest.raises(ProviderUnavailableError):
        await store.delete_version(COLLECTION, uuid4(), uuid4())
    await store.close()


async def test_a_row_that_is_not_ours_is_an_error_and_not_a_crash(context: PluginContext, server: QdrantServer) -> None:
    store = await started(context, url=server.address)
    await store.create_collection(COLLECTION, SIZE)
    organization = uuid4()
    foreign = models.PointStruct(
        id=1, vector={"dense": [1.0] * SIZE}, payload={"organization_id": str(organization), "text": "by hand"}
    )
    await server.engine.upsert(COLLECTION, [foreign])
    with pytest.raises(ProviderError, match="not ours"):
        await store.search(COLLECTION, query_vector(), 3, VectorFilter(organization))
    await store.close()


@pytest.mark.parametrize(
    "options",
    [
        {"url": "http://a:6333", "host": "b"},
        {"host": "a", "path": ":memory:"},
        {"url": "a:6333"},
        {"url": "ftp://a"},
        {"host": "http://a"},
        {"collection_prefix": "a/"},
        {"timeout_s": 0},
        {"verify": False},
    ],
)
def test_options_that_contradict_each_other_or_mean_nothing_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        QdrantOptions(**options)


def test_host_port_and_https_make_an_address() -> None:
    assert QdrantOptions(host="qdrant").address == "http://qdrant:6333"
    assert QdrantOptions(host="::1", port=7, https=True).address == "https://[::1]:7"
    assert QdrantOptions(url="https://q.example/x").address == "https://q.example/x"


async def test_options_without_a_place_are_named_at_start(context: PluginContext) -> None:
    with pytest.raises(ConfigurationError, match=r"vector_db\.host"):
        await started(context)


async def test_an_unstarted_store_says_so(context: PluginContext) -> None:
    with pytest.raises(ProviderError, match="not started"):
        await QdrantProvider(QdrantOptions(), context).count(COLLECTION, VectorFilter(uuid4()))


def test_naming_the_plugin_does_not_import_the_client() -> None:
    code = "import sys, plugins.vector_db.qdrant.provider; assert not {'qdrant_client', 'grpc'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[4])
