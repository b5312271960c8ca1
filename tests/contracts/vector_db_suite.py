"""What must every vector store do, whoever wrote it?

An implementation's test class inherits ``VectorStoreContract`` and provides the fixture ``store``: a started provider
with an empty collection ``COLLECTION`` of ``SIZE`` dimensions.
"""

from __future__ import annotations

import math
from uuid import uuid4

import numpy as np
import pytest

from core.errors import ConfigurationError, ProviderError, ValidationError
from core.telemetry import METRICS
from core.types import PluginStatus, SparseVector, VectorFilter, VectorPayload
from plugins.interfaces import VectorDBProvider
from tests.contracts.vector_corpus import (
    COLLECTION,
    QUERY_TERMS,
    SIZE,
    TOLERANCE,
    Corpus,
    make_corpus,
    query_vector,
    store_corpus,
)
from tests.contracts.vector_db_many_rows import ManyRowsContract

__all__ = [
    "COLLECTION",
    "QUERY_TERMS",
    "SIZE",
    "TOLERANCE",
    "Corpus",
    "VectorStoreContract",
    "make_corpus",
    "query_vector",
    "store_corpus",
]


class VectorStoreContract(ManyRowsContract):
    """The suite; everything here is seen through the public interface."""

    async def test_dense_search_ranks_and_scores_as_numpy_does(self, store: VectorDBProvider) -> None:
        corpus, query = make_corpus(200), query_vector()
        await store_corpus(store, corpus)
        hits = await store.search(COLLECTION, query, 10, VectorFilter(corpus.organization_id))
        truth = corpus.cosines(query)
        best = sorted(truth.values(), reverse=True)[:10]
        assert [hit.score for hit in hits] == pytest.approx(best, abs=TOLERANCE)
        assert all(hit.score == pytest.approx(truth[hit.id], abs=TOLERANCE) for hit in hits)
        stored = dict(zip(corpus.ids, corpus.payloads, strict=True))
        assert all(hit.payload == stored[hit.id] for hit in hits)

    async def test_hybrid_search_returns_the_union_with_both_scores(self, store: VectorDBProvider) -> None:
        if not store.supports_sparse:
            pytest.skip("this store has no sparse vectors")
        corpus, query = make_corpus(300), query_vector()
        await store_corpus(store, corpus)
        hits = await store.search_hybrid(COLLECTION, query, QUERY_TERMS, 10, VectorFilter(corpus.organization_id))
        cosines, dots = corpus.cosines(query), corpus.dots(QUERY_TERMS)
        best_dense = set(sorted(cosines, key=lambda i: -cosines[i])[:10])
        best_sparse = set(sorted((i for i in dots if dots[i] > 0), key=lambda i: -dots[i])[:10])
        assert best_sparse - best_dense, "the sides must differ for this test to mean anything"
        assert {hit.id for hit in hits} == best_dense | best_sparse
        assert len(hits) == len({hit.id for hit in hits})
        for hit in hits:
            assert hit.dense_score == pytest.approx(cosines[hit.id], abs=TOLERANCE)
            assert hit.sparse_score == pytest.approx(dots[hit.id], abs=1e-3)

    async def test_a_query_without_terms_is_dense_only(self, store: VectorDBProvider) -> None:
        corpus, query = make_corpus(60), query_vector()
        await store_corpus(store, corpus)
        scope = VectorFilter(corpus.organization_id)
        hybrid = await store.search_hybrid(COLLECTION, query, SparseVector((), ()), 5, scope)
        dense = await store.search(COLLECTION, query, 5, scope)
        assert {hit.id for hit in hybrid} == {hit.id for hit in dense}
        assert len(dense) == 5

    async def test_rows_sharing_no_term_are_no_sparse_hits(self, store: VectorDBProvider) -> None:
        corpus, query = make_corpus(60), query_vector()
        await store_corpus(store, corpus)
        scope = VectorFilter(corpus.organization_id)
        hits = await store.search_hybrid(COLLECTION, query, SparseVector((100_000,), (9.0,)), 5, scope)
        assert {hit.id for hit in hits} == {hit.id for hit in await store.search(COLLECTION, query, 5, scope)}

    async def test_rows_stored_without_terms_are_found_by_meaning(self, store: VectorDBProvider) -> None:
        corpus = make_corpus(5)
        await store.upsert(COLLECTION, corpus.vectors, corpus.payloads, corpus.ids)
        scope = VectorFilter(corpus.organization_id)
        hits = await store.search_hybrid(COLLECTION, query_vector(), QUERY_TERMS, 5, scope)
        assert {hit.id for hit in hits} == set(corpus.ids)
        assert all(not hit.sparse_score for hit in hits)

    async def test_another_organisations_rows_are_never_returned(self, store: VectorDBProvider) -> None:
        mine, query = make_corpus(20), query_vector()
        # The canary answers the query perfectly, in every collection and document of mine.
        canary = Corpus(
            uuid4(), [uuid4() for _ in mine.ids], np.tile(query, (20, 1)).astype(np.float32), [], [QUERY_TERMS] * 20
        )
        theirs = [VectorPayload(canary.organization_id, p.collection_id, p.document_id, p.version_id)
                  for p in mine.payloads]  # fmt: skip
        await store_corpus(store, mine)
        await store.upsert(COLLECTION, canary.vectors, theirs, canary.ids, canary.sparse)
        payload = mine.payloads[0]
        for scope in (
            VectorFilter(mine.organization_id),
            VectorFilter(mine.organization_id, frozenset({payload.collection_id})),
            VectorFilter(mine.organization_id, document_ids=frozenset({payload.document_id})),
        ):
            dense = await store.search(COLLECTION, query, 50, scope)
            hybrid = await store.search_hybrid(COLLECTION, query, QUERY_TERMS, 50, scope)
            assert dense, "my own rows must be found"
            assert {hit.id for hit in dense} | {hit.id for hit in hybrid} <= set(mine.ids)
            assert await store.count(COLLECTION, scope) == len(dense)
        assert await store.search(COLLECTION, query, 50, VectorFilter(uuid4())) == []

    async def test_the_same_id_in_two_organisations_stays_two_rows(self, store: VectorDBProvider) -> None:
        first, second = make_corpus(1, seed=1), make_corpus(1, seed=2)
        await store_corpus(store, first)
        await store.upsert(COLLECTION, second.vectors, second.payloads, first.ids, second.sparse)
        hits = await store.search(COLLECTION, first.vectors[0], 5, VectorFilter(first.organization_id))
        assert [hit.payload for hit in hits] == first.payloads
        assert hits[0].score == pytest.approx(1.0, abs=TOLERANCE)
        await store.delete(COLLECTION, first.ids, second.organization_id)
        assert await store.count(COLLECTION, VectorFilter(first.organization_id)) == 1

    async def test_collection_and_document_filters_admit_exactly_theirs(self, store: VectorDBProvider) -> None:
        corpus, query = make_corpus(80), query_vector()
        await store_corpus(store, corpus)
        wanted = corpus.payloads[0]
        for scope, admits in (
            (
                VectorFilter(corpus.organization_id, frozenset({wanted.collection_id})),
                lambda p: p.collection_id == wanted.collection_id,
            ),
            (
                VectorFilter(corpus.organization_id, None, frozenset({wanted.document_id})),
                lambda p: p.document_id == wanted.document_id,
            ),
            (
                VectorFilter(corpus.organization_id, frozenset({wanted.collection_id}), frozenset({uuid4()})),
                lambda p: False,
            ),
        ):
            expected = {i for i, p in zip(corpus.ids, corpus.payloads, strict=True) if admits(p)}
            assert {hit.id for hit in await store.search(COLLECTION, query, 100, scope)} == expected
            hybrid = await store.search_hybrid(COLLECTION, query, QUERY_TERMS, 100, scope)
            assert {hit.id for hit in hybrid} == expected
            assert await store.count(COLLECTION, scope) == len(expected)

    async def test_an_empty_filter_set_admits_nothing(self, store: VectorDBProvider) -> None:
        corpus, query = make_corpus(5), query_vector()
        await store_corpus(store, corpus)
        for scope in (
            VectorFilter(corpus.organization_id, collection_ids=frozenset()),
            VectorFilter(corpus.organization_id, document_ids=frozenset()),
        ):
            assert await store.search(COLLECTION, query, 5, scope) == []
            assert await store.search_hybrid(COLLECTION, query, QUERY_TERMS, 5, scope) == []
            assert await store.count(COLLECTION, scope) == 0

    async def test_storing_the_same_id_again_replaces_it(self, store: VectorDBProvider) -> None:
        old, new = make_corpus(3, seed=1), make_corpus(3, seed=2)
        replaced = [VectorPayload(old.organization_id, p.collection_id, p.document_id, p.version_id)
                    for p in new.payloads]  # fmt: skip
        await store_corpus(store, old)
        for _ in range(2):
            await store.upsert(COLLECTION, new.vectors, replaced, old.ids, new.sparse)
        scope = VectorFilter(old.organization_id)
        hits = await store.search_hybrid(COLLECTION, new.vectors[1], new.sparse[1], 1, scope)
        assert await store.count(COLLECTION, scope) == 3
        assert hits[0].id == old.ids[1]
        assert hits[0].payload == replaced[1]
        assert hits[0].dense_score == pytest.approx(1.0, abs=TOLERANCE)

    async def test_deleting_by_id_document_and_version_removes_only_those(self, store: VectorDBProvider) -> None:
        corpus = make_corpus(40)
        scope, organization = VectorFilter(corpus.organization_id), corpus.organization_id
        await store_corpus(store, corpus)
        for _ in range(2):
            await store.delete(COLLECTION, [corpus.ids[0], uuid4()], organization)
            await store.delete_documents(COLLECTION, [corpus.payloads[1].document_id], organization)
            await store.delete_version(COLLECTION, corpus.payloads[2].version_id, organization)
        hits = await store.search_hybrid(COLLECTION, query_vector(), QUERY_TERMS, 100, scope)
        kept = {i for row, i in enumerate(corpus.ids) if row % 4 in (0, 3) and row != 0}
        assert {hit.id for hit in hits} == kept
        assert await store.count(COLLECTION, scope) == len(kept)

    async def test_nothing_to_store_or_delete_is_fine(self, store: VectorDBProvider) -> None:
        await store.upsert(COLLECTION, np.zeros((0, SIZE), np.float32), [], [], [])
        await store.delete(COLLECTION, [], uuid4())
        await store.delete_documents(COLLECTION, [], uuid4())
        assert await store.count(COLLECTION, VectorFilter(uuid4())) == 0

    @pytest.mark.parametrize("shape", [(3, SIZE - 1), (3, SIZE + 1), (2, SIZE)])
    async def test_vectors_that_do_not_fit_are_refused(self, store: VectorDBProvider, shape: tuple[int, int]) -> None:
        corpus = make_corpus(3)
        with pytest.raises(ValidationError):
            await store.upsert(COLLECTION, np.ones(shape, np.float32), corpus.payloads, corpus.ids, corpus.sparse)
        assert await store.count(COLLECTION, VectorFilter(corpus.organization_id)) == 0

    async def test_vectors_without_direction_are_refused(self, store: VectorDBProvider) -> None:
        corpus = make_corpus(1)
        for value in (0.0, np.nan, np.inf):
            with pytest.raises(ValidationError):
                await store.upsert(COLLECTION, np.full((1, SIZE), value, np.float32), corpus.payloads, corpus.ids)

    @pytest.mark.parametrize(
        "terms",
        [
            SparseVector((1, 2), (1.0,)),
            SparseVector((2, 1), (1.0, 1.0)),
            SparseVector((1, 1), (1.0, 1.0)),
            SparseVector((-1,), (1.0,)),
            SparseVector((2**29,), (1.0,)),
            SparseVector((1,), (math.nan,)),
            SparseVector(tuple(range(16_001)), (1.0,) * 16_001),
        ],
        ids=["fewer weights", "descending", "twice", "negative", "too large", "not finite", "too many"],
    )
    async def test_sparse_vectors_that_cannot_be_stored_are_refused(
        self, store: VectorDBProvider, terms: SparseVector
    ) -> None:
        corpus = make_corpus(1)
        with pytest.raises(ValidationError):
            await store.upsert(COLLECTION, corpus.vectors, corpus.payloads, corpus.ids, [terms])
        assert await store.count(COLLECTION, VectorFilter(corpus.organization_id)) == 0

    async def test_fewer_sparse_vectors_than_rows_are_refused(self, store: VectorDBProvider) -> None:
        corpus = make_corpus(2)
        for sparse in ([], corpus.sparse[:1]):
            with pytest.raises(ValidationError):
                await store.upsert(COLLECTION, corpus.vectors, corpus.payloads, corpus.ids, sparse)

    async def test_the_last_of_two_rows_with_one_id_in_a_call_wins(self, store: VectorDBProvider) -> None:
        corpus = make_corpus(2)
        await store.upsert(COLLECTION, corpus.vectors, corpus.payloads, [corpus.ids[0]] * 2, corpus.sparse)
        hits = await store.search(COLLECTION, corpus.vectors[1], 5, VectorFilter(corpus.organization_id))
        assert [hit.score for hit in hits] == [pytest.approx(1.0, abs=TOLERANCE)]

    async def test_every_operation_is_timed(self, store: VectorDBProvider) -> None:
        corpus, scope = make_corpus(1), VectorFilter(uuid4())

        def counted() -> list[float]:
            names = ("vector_upsert", "vector_search", "vector_search_hybrid", "vector_delete", "vector_count")
            sample = METRICS.registry.get_sample_value
            return [sample("span_seconds_count", {"name": name, "status": "ok"}) or 0.0 for name in names]

        before = counted()
        await store.upsert(COLLECTION, corpus.vectors, corpus.payloads, corpus.ids)
        await store.search(COLLECTION, query_vector(), 1, scope)
        await store.search_hybrid(COLLECTION, query_vector(), QUERY_TERMS, 1, scope)
        await store.delete(COLLECTION, corpus.ids, corpus.organization_id)
        await store.count(COLLECTION, scope)
        assert [after - earlier for after, earlier in zip(counted(), before, strict=True)] == [1.0] * 5

    async def test_a_query_of_another_size_is_refused(self, store: VectorDBProvider) -> None:
        with pytest.raises(ValidationError):
            await store.search(COLLECTION, np.ones(SIZE + 1, np.float32), 5, VectorFilter(uuid4()))

    async def test_payloads_of_two_organisations_are_refused(self, store: VectorDBProvider) -> None:
        one, two = make_corpus(1), make_corpus(1)
        with pytest.raises(ValidationError):
            await store.upsert(
                COLLECTION, np.ones((2, SIZE), np.float32), one.payloads + two.payloads, one.ids + two.ids
            )
        assert await store.count(COLLECTION, VectorFilter(one.organization_id)) == 0

    async def test_creating_again_is_harmless_and_another_size_is_refused(self, store: VectorDBProvider) -> None:
        corpus = make_corpus(1)
        await store_corpus(store, corpus)
        await store.create_collection(COLLECTION, SIZE)
        assert await store.count(COLLECTION, VectorFilter(corpus.organization_id)) == 1
        with pytest.raises(ConfigurationError):
            await store.create_collection(COLLECTION, SIZE * 2)

    async def test_another_metric_than_the_cosine_is_refused(self, store: VectorDBProvider) -> None:
        for metric in ("dot", "euclidean", "hamming"):
            with pytest.raises(ConfigurationError, match="cosine"):
                await store.create_collection("other", SIZE, metric)

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "Upper",
            "1st",
            'a"; DROP TABLE x; --',
            "a$sparse",
            "sammlung_ä",
            "コレクション",
            "a/b",
            "..",
            "a\n",
            "x" * 42,
        ],
    )
    async def test_names_that_are_no_plain_words_are_refused(self, store: VectorDBProvider, name: str) -> None:
        with pytest.raises(ValidationError):
            await store.create_collection(name, SIZE)
        with pytest.raises(ValidationError):
            await store.count(name, VectorFilter(uuid4()))

    async def test_a_collection_that_does_not_exist_is_a_plain_error(self, store: VectorDBProvider) -> None:
        with pytest.raises(ProviderError, match="nowhere"):
            await store.search("nowhere", query_vector(), 5, VectorFilter(uuid4()))

    async def test_health_is_good_while_open_and_broken_after_closing_twice(self, store: VectorDBProvider) -> None:
        assert (await store.health_check()).status is PluginStatus.HEALTHY
        await store.close()
        await store.close()
        broken = await store.health_check()
        assert broken.status is PluginStatus.BROKEN
        assert broken.detail
