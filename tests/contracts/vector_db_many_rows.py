"""What must every vector store do when there are many rows: of one call, of old versions, of a long filter?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from itertools import product
from uuid import UUID, uuid4

import numpy as np
import pytest

from core.types import Vector, VectorFilter
from plugins.interfaces import VectorDBProvider
from tests.contracts.vector_corpus import COLLECTION, QUERY_TERMS, Corpus, make_corpus, query_vector, store_corpus

VERSIONS = 20
WANTED = 10


def with_versions(fresh: Corpus) -> Corpus:
    """Nineteen older versions of every row under other ids, all a little different; then the rows themselves."""
    rng = np.random.default_rng(7)
    old: list[Corpus] = []
    for _ in range(VERSIONS - 1):
        versions = {payload.version_id: uuid4() for payload in fresh.payloads}
        noise = rng.normal(0, 0.05, fresh.vectors.shape)
        old.append(
            replace(
                fresh,
                ids=[uuid4() for _ in fresh.ids],
                vectors=(fresh.vectors + noise).astype(np.float32),
                payloads=[replace(payload, version_id=versions[payload.version_id]) for payload in fresh.payloads],
                sparse=[
                    replace(terms, values=tuple((np.array(terms.values) * rng.uniform(0.8, 1.2)).tolist()))
                    for terms in fresh.sparse
                ],
            )
        )
    parts = [*old, fresh]
    return Corpus(
        fresh.organization_id,
        [identifier for part in parts for identifier in part.ids],
        np.concatenate([part.vectors for part in parts]),
        [payload for part in parts for payload in part.payloads],
        [terms for part in parts for terms in part.sparse],
    )


async def best_active(
    search: Callable[[int], Awaitable[list[UUID]]], active: set[UUID], wanted: int = WANTED
) -> list[UUID]:
    """The best rows of active versions, as retrieval gets them: deeper until enough survive."""
    depth = 2 * wanted
    while True:
        found = await search(depth)
        survivors = [identifier for identifier in found if identifier in active]
        if len(survivors) >= wanted or len(found) < depth:
            return survivors[:wanted]
        depth *= 4


async def by_meaning(store: VectorDBProvider, query: Vector, scope: VectorFilter, depth: int) -> list[UUID]:
    """Ids in the order of the dense search."""
    return [hit.id for hit in await store.search(COLLECTION, query, depth, scope)]


async def by_words(store: VectorDBProvider, query: Vector, scope: VectorFilter, depth: int) -> list[UUID]:
    """Ids in the order of the sparse scores of a hybrid search."""
    hits = await store.search_hybrid(COLLECTION, query, QUERY_TERMS, depth, scope)
    ranked = sorted(hits, key=lambda hit: -(hit.sparse_score or 0.0))
    return [hit.id for hit in ranked if hit.sparse_score][:depth]


class ManyRowsContract:
    """Part of ``VectorStoreContract``.

    Attributes:
        many: Rows of the largest call.
    """

    many = 10_000

    async def test_many_rows_in_one_call_are_all_stored_and_all_deleted(self, store: VectorDBProvider) -> None:
        corpus = make_corpus(self.many, documents=100)
        await store_corpus(store, corpus)
        scope = VectorFilter(corpus.organization_id)
        assert await store.count(COLLECTION, scope) == self.many
        hits = await store.search(COLLECTION, corpus.vectors[-1], 1, scope)
        assert hits[0].id == corpus.ids[-1]
        await store.delete(COLLECTION, corpus.ids[1:], corpus.organization_id)
        assert await store.count(COLLECTION, scope) == 1

    async def test_with_twenty_versions_of_each_document_recall_is_that_of_a_fresh_index(
        self, store: VectorDBProvider
    ) -> None:
        active = make_corpus(40, documents=20)
        old_and_new = with_versions(active)
        await store_corpus(store, old_and_new)
        # The same rows alone, as another organisation would have them after indexing afresh.
        fresh = uuid4()
        await store.upsert(
            COLLECTION,
            active.vectors,
            [replace(payload, organization_id=fresh) for payload in active.payloads],
            active.ids,
            active.sparse,
        )
        assert await store.count(COLLECTION, VectorFilter(active.organization_id)) == VERSIONS * 40
        searches = (by_meaning, by_words) if store.supports_sparse else (by_meaning,)
        for search, seed in product(searches, range(3)):
            query, known = query_vector(seed), set(active.ids)
            amid = await best_active(partial(search, store, query, VectorFilter(active.organization_id)), known)
            alone = await best_active(partial(search, store, query, VectorFilter(fresh)), known)
            assert len(alone) == WANTED
            assert amid == alone

    async def test_a_filter_of_five_thousand_documents_admits_exactly_theirs(self, store: VectorDBProvider) -> None:
        corpus = make_corpus(40)
        await store_corpus(store, corpus)
        wanted = corpus.payloads[0].document_id
        scope = VectorFilter(corpus.organization_id, document_ids=frozenset({wanted, *(uuid4() for _ in range(5_000))}))
        hits = await store.search(COLLECTION, query_vector(), 100, scope)
        assert {hit.payload.document_id for hit in hits} == {wanted}
        assert len(hits) == await store.count(COLLECTION, scope) == 10

    async def test_storing_that_was_cancelled_is_made_whole_by_repeating_it(self, store: VectorDBProvider) -> None:
        corpus = make_corpus(2_000)
        scope = VectorFilter(corpus.organization_id)
        storing = asyncio.create_task(store_corpus(store, corpus))
        await asyncio.sleep(0)
        storing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await storing
        assert await store.count(COLLECTION, scope) < 2_000
        await store_corpus(store, corpus)
        assert await store.count(COLLECTION, scope) == 2_000

    async def test_searches_at_once_do_not_mix(self, store: VectorDBProvider) -> None:
        one, two = make_corpus(30, seed=1), make_corpus(30, seed=2)
        await store_corpus(store, one)
        await store_corpus(store, two)
        scopes = [VectorFilter(corpus.organization_id) for corpus in (one, two)] * 10
        answers = await asyncio.gather(
            *(store.search_hybrid(COLLECTION, query_vector(), QUERY_TERMS, 5, scope) for scope in scopes)
        )
        for scope, hits in zip(scopes, answers, strict=True):
            assert hits
            assert {hit.payload.organization_id for hit in hits} == {scope.organization_id}
