"""What of a collection that is there, that others make, or that has another shape?"""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from core.errors import ConfigurationError, ProviderError
from core.types import VectorFilter
from plugins.interfaces import PluginContext
from plugins.vector_db.chroma.tests.stores import made_by_hand, started, with_collection
from tests.contracts.vector_corpus import COLLECTION, SIZE, make_corpus, query_vector, store_corpus
from tests.servers.chroma_server import ChromaDoor


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
