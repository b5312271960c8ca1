"""Do two rankings become one that neither side can spoil?"""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.types import HybridHit, VectorPayload
from services.search import fusion

PAYLOAD = VectorPayload(uuid4(), uuid4(), uuid4(), uuid4())
HITS = st.lists(
    st.builds(
        HybridHit,
        id=st.uuids(),
        payload=st.just(PAYLOAD),
        dense_score=st.none() | st.floats(-1, 1),
        sparse_score=st.none() | st.floats(0, 60),
    ),
    unique_by=lambda hit: hit.id,
    max_size=12,
)
WEIGHT = st.floats(0, 1)


def hit(dense: float | None, sparse: float | None) -> HybridHit:
    return HybridHit(uuid4(), PAYLOAD, dense, sparse)


def order(hits: list[HybridHit], scores: dict[UUID, float]) -> list[int]:
    return sorted(range(len(hits)), key=lambda index: -scores[hits[index].id])


@given(HITS, WEIGHT, st.sampled_from(["convex", "rrf"]))
def test_every_hit_gets_a_score_of_1_at_most(hits: list[HybridHit], weight: float, method: str) -> None:
    scores = fusion.fuse(hits, weight, method)
    assert scores.keys() == {hit.id for hit in hits}
    assert all(score <= 1 + 1e-9 for score in scores.values())


@given(HITS, st.sampled_from(["convex", "rrf"]))
def test_a_side_alone_keeps_its_order(hits: list[HybridHit], method: str) -> None:
    similarity = {one.id: one.dense_score for one in hits if one.dense_score is not None}
    scores = fusion.fuse([HybridHit(key, PAYLOAD, value, None) for key, value in similarity.items()], 1.0, method)
    by_score = sorted(similarity, key=lambda key: -scores[key])
    assert [similarity[key] for key in by_score] == pytest.approx(sorted(similarity.values(), reverse=True))


@given(HITS, WEIGHT, st.sampled_from(["convex", "rrf"]))
def test_the_order_of_the_hits_does_not_matter(hits: list[HybridHit], weight: float, method: str) -> None:
    assert fusion.fuse(hits, weight, method) == fusion.fuse(hits[::-1], weight, method)


@given(HITS, WEIGHT)
def test_better_on_both_sides_is_never_ranked_lower(hits: list[HybridHit], weight: float) -> None:
    scores = fusion.convex(hits, weight)
    both = [h for h in hits if h.dense_score is not None and h.sparse_score is not None]
    for one in both:
        for other in both:
            if (one.dense_score or 0) >= (other.dense_score or 0) and (one.sparse_score or 0) >= (
                other.sparse_score or 0
            ):
                assert scores[one.id] >= scores[other.id]


@pytest.mark.parametrize("method", [fusion.convex, fusion.reciprocal_rank])
def test_the_weight_decides_whose_order_wins(method: object) -> None:
    assert callable(method)
    hits = [hit(0.9, 1.0), hit(0.5, 9.0), hit(0.1, 4.0)]
    assert order(hits, method(hits, 1.0)) == [0, 1, 2]
    assert order(hits, method(hits, 0.0)) == [1, 2, 0]


def test_a_side_that_did_not_see_a_hit_gives_it_nothing() -> None:
    hits = [hit(0.8, None), hit(None, 5.0), hit(0.8, 5.0)]
    scores = fusion.convex(hits, 0.5)
    assert [scores[h.id] for h in hits] == [0.5, 0.5, 1.0]
    ranks = fusion.reciprocal_rank(hits, 0.5)
    assert ranks[hits[2].id] > max(ranks[hits[0].id], ranks[hits[1].id])


def test_similarity_is_scaled_from_what_unrelated_texts_have() -> None:
    low = fusion.FLOOR
    hits = [hit(low + distance, None) for distance in (0.8, 0.4, 0.0, -0.4)]
    assert [fusion.convex(hits, 1.0)[h.id] for h in hits] == pytest.approx([1.0, 0.5, 0.0, -0.5])
    # Where nothing is related, the least unrelated is still the first.
    assert order(hits[3:] + hits[2:3], fusion.convex(hits[3:] + hits[2:3], 1.0)) == [1, 0]


@pytest.mark.parametrize("method", ["convex", "rrf"])
def test_what_words_cannot_know_is_left_to_meaning(method: str) -> None:
    others = [hit(0.3, 6.0), hit(0.2, 5.0), hit(0.1, 4.0)]
    german = hit(0.6, None)
    hits = [german, *others]
    assert order(hits, fusion.fuse(hits, 0.4, method))[0] == 1
    assert order(hits, fusion.fuse(hits, 0.4, method, foreign={german.id}))[0] == 0
    # One that is unrelated gains nothing by its language.
    far = hit(-0.05, None)
    assert fusion.convex([far, *others], 0.4, foreign={far.id}) == fusion.convex([far, *others], 0.4)
    # Names and numbers are the same in every language: what they found is not taken away.
    found = hit(0.1, 9.0)
    hits = [found, *others]
    assert fusion.fuse(hits, 0.4, method, foreign={found.id}) == fusion.fuse(hits, 0.4, method)


def test_when_few_share_a_word_ranks_are_fused_instead_of_scores() -> None:
    hits = [hit(0.6, 0.0), hit(0.59, 0.01), hit(0.58, 0.0), hit(0.57, None)]
    assert fusion.fuse(hits, 0.5) == fusion.reciprocal_rank(hits, 0.5)
    # One tiny BM25 score is the query's maximum; scaled, it would count as much as the best.
    several = [hit(0.6, 3.0), hit(0.59, 0.01), hit(0.58, 2.0)]
    assert fusion.fuse(several, 0.5) == fusion.convex(several, 0.5)


def test_ranks_are_fused_when_they_were_asked_for() -> None:
    hits = [hit(0.6, 3.0), hit(0.59, 0.01), hit(0.58, 2.0)]
    assert fusion.fuse(hits, 0.5, "rrf") == fusion.reciprocal_rank(hits, 0.5)


def test_a_cosine_of_nought_still_has_a_rank() -> None:
    hits = [hit(0.0, None), hit(-0.5, None)]
    scores = fusion.reciprocal_rank(hits, 1.0)
    assert scores[hits[0].id] > scores[hits[1].id]


def test_a_bm25_score_of_nought_has_no_rank() -> None:
    hits = [hit(None, 2.0), hit(None, 0.0), hit(None, None)]
    scores = fusion.reciprocal_rank(hits, 0.0)
    assert scores[hits[1].id] == scores[hits[2].id]


def test_nothing_found_is_nothing_fused() -> None:
    assert fusion.fuse([], 0.5) == {}
