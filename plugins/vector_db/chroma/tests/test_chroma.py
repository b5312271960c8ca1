"""Is Chroma used as the plugin's README promises?"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import psutil
import pydantic
import pytest

from core.errors import ConfigurationError, ProviderError, ProviderUnavailableError
from core.types import PluginStatus, VectorFilter
from plugins.interfaces import PluginContext
from plugins.vector_db.chroma.embedded import ChromaEmbedded
from plugins.vector_db.chroma.options import ChromaOptions
from plugins.vector_db.chroma.provider import ChromaProvider
from plugins.vector_db.chroma.worker import settings
from tests.contracts.vector_corpus import COLLECTION, QUERY_TERMS, SIZE, make_corpus, query_vector, store_corpus
from tests.servers.chroma_server import KEY, ChromaDoor, Fault


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[PluginContext]:
    async with httpx.AsyncClient() as http:
        yield PluginContext(http=http, data_dir=tmp_path)


@pytest.fixture
async def server(chroma_address: str) -> AsyncIterator[ChromaDoor]:
    async with ChromaDoor(chroma_address).running() as door:
        yield door


@pytest.fixture
def wire(server: ChromaDoor) -> dict[str, Any]:
    """Options for the server, apart from other tests."""
    return {"url": server.address, "timeout_s": 60, "collection_prefix": f"test-{uuid4().hex[:12]}-"}


async def started(context: PluginContext, **options: Any) -> ChromaProvider:
    provider = ChromaProvider(ChromaOptions(**options), context)
    await provider.start()
    return provider


async def with_collection(context: PluginContext, **options: Any) -> ChromaProvider:
    provider = await started(context, **options)
    await provider.create_collection(COLLECTION, SIZE)
    return provider


def pid_of(store: ChromaProvider) -> int:
    """Process of the engine."""
    assert isinstance(store._engine, ChromaEmbedded)
    assert store._engine._pid is not None
    return store._engine._pid


async def made_by_hand(server: ChromaDoor, name: str, body: dict[str, Any]) -> str:
    """A collection that another program made; its id."""
    address = f"{server.behind}/api/v2/tenants/default_tenant/databases/default_database/collections"
    async with httpx.AsyncClient(timeout=60) as http:
        answer = (await http.post(address, json={"name": name, **body})).raise_for_status().json()
    return f"{address}/{answer['id']}"


async def test_every_call_that_chooses_rows_carries_the_organisation(
    context: PluginContext, server: ChromaDoor, wire: dict[str, Any]
) -> None:
    store = await with_collection(context, **wire)
    server.bodies.clear()
    server.calls.clear()
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
    await store.close()
    assert server.calls == [f"POST {word}" for word in ("upsert", "query", "query", "get", *["delete"] * 3)]
    stored, *choosing, by_ids = server.bodies
    assert {row["organization_id"] for row in stored["metadatas"]} == {str(organization)}
    for body in choosing:
        assert body["where"]["$and"][0] == {"organization_id": {"$in": [str(organization)]}}
    assert set(by_ids["ids"]) == set(stored["ids"])
    assert not set(by_ids["ids"]) & {str(chunk) for chunk in corpus.ids}


async def test_a_row_holds_ids_and_no_text(context: PluginContext, server: ChromaDoor, wire: dict[str, Any]) -> None:
    store = await with_collection(context, **wire)
    await store_corpus(store, make_corpus(1))
    await store.close()
    assert set(server.bodies[-1]) == {"ids", "embeddings", "metadatas"}
    (row,) = server.bodies[-1]["metadatas"]
    assert set(row) == {"organization_id", "collection_id", "document_id", "version_id", "chunk_id"}
    assert all(UUID(value) for value in row.values())


async def test_a_hybrid_search_is_dense_and_says_that_words_were_not_compared(context: PluginContext) -> None:
    store = await with_collection(context, persist_directory=":memory:", timeout_s=60)
    corpus = make_corpus(30)
    await store_corpus(store, corpus)
    scope = VectorFilter(corpus.organization_id)
    hybrid = await store.search_hybrid(COLLECTION, query_vector(), QUERY_TERMS, 5, scope)
    dense = await store.search(COLLECTION, query_vector(), 5, scope)
    await store.close()
    assert not store.supports_sparse
    assert [(hit.id, hit.dense_score, hit.sparse_score) for hit in hybrid] == [(h.id, h.score, None) for h in dense]


@pytest.mark.parametrize("told", [0, 100], ids=["as configured", "as the server limits it"])
async def test_many_rows_travel_in_batches(
    context: PluginContext, server: ChromaDoor, wire: dict[str, Any], told: int
) -> None:
    server.batch = told
    store = await with_collection(context, **wire, upsert_batch=250)
    server.calls.clear()
    await store_corpus(store, make_corpus(600))
    await store.close()
    assert len(server.calls) == (6 if told else 3)


async def test_long_vectors_travel_in_smaller_batches(
    context: PluginContext, server: ChromaDoor, wire: dict[str, Any]
) -> None:
    store = await started(context, **wire)
    await store.create_collection("long", 16_000)
    corpus = make_corpus(60)
    server.calls.clear()
    await store.upsert("long", np.ones((60, 16_000), np.float32), corpus.payloads, corpus.ids)
    await store.close()
    assert server.calls == ["POST upsert"] * 2


async def test_a_small_organisation_is_found_exactly_amid_a_large_one(
    context: PluginContext, wire: dict[str, Any]
) -> None:
    """Graph searches lose rows of a filter that few fulfil, above all where others are nearer."""
    store = await with_collection(context, **wire)
    query, large, small = query_vector(), make_corpus(5_000, seed=3), make_corpus(50, seed=4)
    near = (query + 0.1 * large.vectors).astype(np.float32)
    await store.upsert(COLLECTION, near, large.payloads, large.ids)
    await store_corpus(store, small)
    hits = await store.search(COLLECTION, query, 20, VectorFilter(small.organization_id))
    await store.close()
    truth = small.cosines(query)
    assert [hit.id for hit in hits] == sorted(truth, key=lambda chunk: -truth[chunk])[:20]


@pytest.mark.parametrize(
    ("told", "error", "words"), [("0.6.3", ConfigurationError, "too old"), ("latest", ProviderError, "version")]
)
async def test_servers_that_cannot_answer_our_queries_are_named(
    context: PluginContext, server: ChromaDoor, wire: dict[str, Any], told: str, error: type[Exception], words: str
) -> None:
    server.version = told
    with pytest.raises(error, match=words):
        await started(context, **wire)


@pytest.mark.parametrize("place", [{"tenant": "nobody"}, {"database": "nothing"}])
async def test_a_tenant_or_database_that_is_not_there_is_named_at_start(
    context: PluginContext, wire: dict[str, Any], place: dict[str, str]
) -> None:
    with pytest.raises(ConfigurationError, match="tenant or database"):
        await started(context, **wire, **place)


@pytest.mark.parametrize(
    ("header", "value"), [("x-chroma-token", KEY), ("authorization", f"Bearer {KEY}")], ids=["cloud", "proxy"]
)
async def test_the_key_travels_where_it_should_and_is_never_shown(
    context: PluginContext, server: ChromaDoor, wire: dict[str, Any], header: str, value: str
) -> None:
    store = await started(context, **wire, api_key=KEY, key_header=header)
    assert server.headers[header] == value
    server.fault = Fault.BAD_KEY
    health = await store.health_check()
    await store.close()
    assert health.status is PluginStatus.BROKEN
    assert KEY not in f"{health}{ChromaOptions(**wire, api_key=KEY)!r}"


async def test_two_stores_of_a_process_keep_their_keys_apart(
    context: PluginContext, server: ChromaDoor, wire: dict[str, Any]
) -> None:
    first = await with_collection(context, **wire, api_key="first")
    second = await with_collection(context, **wire, api_key="second")
    seen = []
    for store in (first, second):
        await store.count(COLLECTION, VectorFilter(uuid4()))
        seen.append(server.headers["x-chroma-token"])
    await first.close()
    assert await second.count(COLLECTION, VectorFilter(uuid4())) == 0
    await second.close()
    assert seen == ["first", "second"]


async def test_without_a_key_none_is_sent(context: PluginContext, server: ChromaDoor, wire: dict[str, Any]) -> None:
    await (await started(context, **wire)).close()
    assert not {"x-chroma-token", "authorization"} & set(server.headers)


async def test_a_key_over_plain_http_to_another_machine_is_logged(
    context: PluginContext, capsys: pytest.CaptureFixture[str]
) -> None:
    provider = ChromaProvider(ChromaOptions(host="chroma.invalid", api_key=KEY, timeout_s=5), context)
    with pytest.raises(ProviderUnavailableError):
        await provider.start()
    await provider.close()
    logged = capsys.readouterr().out
    assert "chroma_key_travels_unencrypted" in logged
    assert KEY not in logged


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"configuration": {"hnsw": {"space": "cosine"}}}, "not made by"),
        ({"metadata": {"vector_size": SIZE, "made_by": "knowledge-foundry"}}, "not by cosine"),
    ],
    ids=["of somebody else", "another metric"],
)
async def test_collections_of_another_shape_are_refused_and_left_alone(
    context: PluginContext, server: ChromaDoor, wire: dict[str, Any], body: dict[str, Any], words: str
) -> None:
    await made_by_hand(server, f"{wire['collection_prefix']}{COLLECTION}-vectors", body)
    store = await started(context, **wire)
    with pytest.raises(ConfigurationError, match=words):
        await store.create_collection(COLLECTION, SIZE)
    with pytest.raises(ConfigurationError, match=words):
        await store_corpus(store, make_corpus(1))
    await store.close()


async def test_many_processes_may_create_the_same_collection_at_once(
    context: PluginContext, wire: dict[str, Any]
) -> None:
    stores = [await started(context, **wire) for _ in range(4)]
    await asyncio.gather(*(store.create_collection("shared", SIZE) for store in stores))
    corpus = make_corpus(2)
    await stores[0].upsert("shared", corpus.vectors, corpus.payloads, corpus.ids)
    counted = [await store.count("shared", VectorFilter(corpus.organization_id)) for store in stores]
    for store in stores:
        await store.close()
    assert counted == [2] * 4


@pytest.mark.parametrize("name", ["a", "a_", "x" * 41])
async def test_every_name_of_ours_is_one_that_chroma_takes(
    context: PluginContext, wire: dict[str, Any], name: str
) -> None:
    for options in (wire, {"persist_directory": ":memory:", "timeout_s": 60}):
        store = await started(context, **options)
        await store.create_collection(name, SIZE)
        assert await store.count(name, VectorFilter(uuid4())) == 0
        await store.close()


async def test_departments_with_a_prefix_of_their_own_share_a_server(
    context: PluginContext, wire: dict[str, Any]
) -> None:
    finance = await with_collection(context, **wire)
    sales = await with_collection(context, **{**wire, "collection_prefix": f"sales-{wire['collection_prefix']}"})
    corpus = make_corpus(2)
    await store_corpus(finance, corpus)
    scope = VectorFilter(corpus.organization_id)
    counted = [await store.count(COLLECTION, scope) for store in (finance, sales)]
    for store in (finance, sales):
        await store.close()
    assert counted == [2, 0]


async def test_a_collection_made_anew_by_somebody_else_is_found_again(
    context: PluginContext, server: ChromaDoor, wire: dict[str, Any]
) -> None:
    store, other = await with_collection(context, **wire), await started(context, **wire)
    name = f"{wire['collection_prefix']}{COLLECTION}-vectors"
    address = f"{server.behind}/api/v2/tenants/default_tenant/databases/default_database/collections/{name}"
    async with httpx.AsyncClient(timeout=60) as http:
        (await http.delete(address)).raise_for_status()
    with pytest.raises(ProviderError, match="removed"):
        await store.count(COLLECTION, VectorFilter(uuid4()))
    await other.create_collection(COLLECTION, SIZE)
    assert await store.count(COLLECTION, VectorFilter(uuid4())) == 0
    await store.close()
    await other.close()


async def test_a_row_that_is_not_ours_is_an_error_and_not_a_crash(
    context: PluginContext, server: ChromaDoor, wire: dict[str, Any]
) -> None:
    metadata = {"made_by": "knowledge-foundry", "vector_size": SIZE}
    body = {"metadata": metadata, "configuration": {"hnsw": {"space": "cosine"}}}
    address = await made_by_hand(server, f"{wire['collection_prefix']}{COLLECTION}-vectors", body)
    organization = uuid4()
    row = {"ids": ["1"], "embeddings": [[1.0] * SIZE], "metadatas": [{"organization_id": str(organization)}]}
    async with httpx.AsyncClient(timeout=60) as http:
        (await http.post(f"{address}/upsert", json=row)).raise_for_status()
    store = await with_collection(context, **wire)
    with pytest.raises(ProviderError, match="not ours"):
        await store.search(COLLECTION, query_vector(), 3, VectorFilter(organization))
    await store.close()


async def test_an_answer_without_a_result_is_an_error(
    context: PluginContext, server: ChromaDoor, wire: dict[str, Any]
) -> None:
    store = await with_collection(context, **wire)
    server.fault = Fault.EMPTY
    for call in (
        store.count(COLLECTION, VectorFilter(uuid4())),
        store.search(COLLECTION, query_vector(), 3, VectorFilter(uuid4())),
        store_corpus(store, make_corpus(1)),
    ):
        with pytest.raises(ProviderError, match="something else"):
            await call
    await store.close()


async def test_an_unreachable_server_is_unavailable_at_start(context: PluginContext) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        provider = ChromaProvider(ChromaOptions(host="127.0.0.1", port=closed.getsockname()[1], timeout_s=5), context)
        with pytest.raises(ProviderUnavailableError):
            await provider.start()
        assert (await provider.health_check()).status is PluginStatus.BROKEN
        await provider.close()


async def test_a_folder_keeps_everything_and_refuses_a_second_user(context: PluginContext) -> None:
    corpus = make_corpus(3)
    first = await with_collection(context, persist_directory="vectors", timeout_s=60)
    await store_corpus(first, corpus)
    second = ChromaProvider(ChromaOptions(persist_directory="vectors"), context)
    with pytest.raises(ConfigurationError, match="in use by another process"):
        await second.start()
    await second.close()
    assert await first.count(COLLECTION, VectorFilter(corpus.organization_id)) == 3
    await first.close()
    again = await started(context, persist_directory="vectors", timeout_s=60)
    hits = await again.search(COLLECTION, corpus.vectors[0], 1, VectorFilter(corpus.organization_id))
    await again.close()
    assert hits[0].id == corpus.ids[0]


async def test_two_stores_in_memory_share_nothing(context: PluginContext) -> None:
    one = await with_collection(context, persist_directory=":memory:", timeout_s=60)
    two = await with_collection(context, persist_directory=":memory:", timeout_s=60)
    corpus = make_corpus(2)
    await store_corpus(one, corpus)
    scope = VectorFilter(corpus.organization_id)
    assert [await store.count(COLLECTION, scope) for store in (one, two)] == [2, 0]
    await one.close()
    assert await two.count(COLLECTION, scope) == 0
    await two.close()


async def test_a_damaged_folder_is_an_error_in_our_words(context: PluginContext) -> None:
    (context.data_dir / "vectors").mkdir()
    (context.data_dir / "vectors" / "chroma.sqlite3").write_bytes(b"no database" * 1000)
    store = ChromaProvider(ChromaOptions(persist_directory="vectors"), context)
    with pytest.raises(ProviderError):
        await store.start()
    await store.close()


async def test_writing_into_the_engine_never_holds_the_event_loop_up(context: PluginContext) -> None:
    store = await with_collection(context, persist_directory=":memory:", timeout_s=60, upsert_batch=2_000)
    storing = asyncio.ensure_future(store_corpus(store, make_corpus(2_000)))
    turns = 0
    while not storing.done():
        await asyncio.sleep(0.001)
        turns += 1
    await storing
    await store.close()
    # In this process there would be 7, one of them half a second long.
    assert turns > 50


async def test_a_call_of_the_engine_that_takes_too_long_is_given_up(context: PluginContext) -> None:
    store = await with_collection(context, persist_directory="vectors", timeout_s=60)
    await store.close()
    hasty = await started(context, persist_directory="vectors", timeout_s=60, upsert_batch=10_000)
    corpus, scope = make_corpus(5_000), VectorFilter(uuid4())
    await hasty.count(COLLECTION, scope)
    hasty._engine._timeout_s = 0.001  # type: ignore[union-attr]
    with pytest.raises(ProviderUnavailableError):
        await store_corpus(hasty, corpus)
    await hasty.close()


async def test_an_engine_whose_process_was_killed_is_unavailable_and_closes(context: PluginContext) -> None:
    store = await with_collection(context, persist_directory="vectors", timeout_s=60)
    corpus = make_corpus(3)
    await store_corpus(store, corpus)
    os.kill(pid_of(store), signal.SIGKILL)
    with pytest.raises(ProviderUnavailableError):
        await store.count(COLLECTION, VectorFilter(corpus.organization_id))
    assert (await store.health_check()).status is PluginStatus.BROKEN
    await store.close()
    again = await started(context, persist_directory="vectors", timeout_s=60)
    assert await again.count(COLLECTION, VectorFilter(corpus.organization_id)) == 3
    await again.close()


async def test_the_engines_process_ends_with_the_store(context: PluginContext) -> None:
    store = await with_collection(context, persist_directory=":memory:", timeout_s=60)
    pid = pid_of(store)
    await store.close()
    assert not psutil.pid_exists(pid)


def test_the_engines_process_ends_with_an_application_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "application.py"
    script.write_text(_APPLICATION, encoding="utf-8")
    root = str(Path(__file__).parents[4])
    with subprocess.Popen(
        [sys.executable, script, tmp_path], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": root}
    ) as application:
        assert application.stdout is not None
        engine = psutil.Process(int(application.stdout.readline()))
        application.kill()
    engine.wait(timeout=30)


_APPLICATION = """
import asyncio, sys
from pathlib import Path
import httpx
from plugins.interfaces import PluginContext
from plugins.vector_db.chroma.provider import ChromaOptions, ChromaProvider

async def main():
    context = PluginContext(http=httpx.AsyncClient(), data_dir=Path(sys.argv[1]))
    store = ChromaProvider(ChromaOptions(persist_directory="vectors"), context)
    await store.start()
    print(store._engine._pid, flush=True)
    await asyncio.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
"""


async def test_without_the_library_the_engine_says_what_to_install(
    context: PluginContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "chromadb", None)
    store = ChromaProvider(ChromaOptions(persist_directory=":memory:"), context)
    with pytest.raises(ConfigurationError, match="extra `chroma`"):
        await store.start()
    await store.close()


def test_telemetry_is_off_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANONYMIZED_TELEMETRY", "true")
    monkeypatch.setenv("CHROMA_OTEL_COLLECTION_ENDPOINT", "http://collector.invalid")
    monkeypatch.setenv("CHROMA_API_IMPL", "chromadb.api.fastapi.FastAPI")
    made = settings()
    assert not made.anonymized_telemetry
    assert not made.chroma_otel_collection_endpoint
    assert "Rust" in made.chroma_api_impl


@pytest.mark.parametrize(
    "options",
    [
        {"url": "http://a:8000", "host": "b"},
        {"host": "a", "persist_directory": ":memory:"},
        {"url": "a:8000"},
        {"url": "ftp://a"},
        {"host": "http://a"},
        {"collection_prefix": "-a"},
        {"collection_prefix": "a/"},
        {"tenant": "a/../b"},
        {"key_header": "cookie"},
        {"timeout_s": 0},
        {"verify": False},
    ],
)
def test_options_that_contradict_each_other_or_mean_nothing_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        ChromaOptions(**options)


def test_host_port_and_https_make_an_address() -> None:
    assert ChromaOptions(host="chroma").address == "http://chroma:8000"
    assert ChromaOptions(host="::1", port=7, https=True).address == "https://[::1]:7"
    assert ChromaOptions(url="https://c.example/x/").address == "https://c.example/x"


async def test_options_without_a_place_are_named_at_start(context: PluginContext) -> None:
    with pytest.raises(ConfigurationError, match="url, host or path"):
        await started(context)


async def test_an_unstarted_store_says_so(context: PluginContext) -> None:
    with pytest.raises(ProviderError, match="not started"):
        await ChromaProvider(ChromaOptions(), context).count(COLLECTION, VectorFilter(uuid4()))


def test_naming_the_plugin_and_asking_a_server_do_not_import_the_library() -> None:
    code = (
        "import sys;"
        "from plugins.vector_db.chroma import embedded, provider, server;"
        "assert not {'chromadb', 'chromadb_rust_bindings'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[4])
