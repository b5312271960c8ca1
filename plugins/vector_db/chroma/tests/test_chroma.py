"""Is Chroma used as the plugin's README promises?"""

from __future__ import annotations

import socket
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from core.errors import ConfigurationError, ProviderError, ProviderUnavailableError
from core.types import PluginStatus, VectorFilter
from plugins.interfaces import PluginContext
from plugins.vector_db.chroma.options import ChromaOptions
from plugins.vector_db.chroma.provider import ChromaProvider
from plugins.vector_db.chroma.tests.stores import started, with_collection
from tests.contracts.vector_corpus import COLLECTION, QUERY_TERMS, make_corpus, query_vector, store_corpus
from tests.servers.chroma_server import ChromaDoor, Fault


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


async def test_an_unstarted_store_says_so(context: PluginContext) -> None:
    with pytest.raises(ProviderError, match="not started"):
        await ChromaProvider(ChromaOptions(), context).count(COLLECTION, VectorFilter(uuid4()))
