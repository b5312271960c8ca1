"""Are the sparse weights the BM25 of the books?"""

from __future__ import annotations

import math

import bm25s
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text import bm25, terms

COUNTS = st.dictionaries(st.integers(0, terms.SPACE - 1), st.integers(1, 50), max_size=20)
CORPUS = [
    "the boiler needs a new valve every year",
    "the valve of the boiler opens at six bar",
    "vacation days are granted every year to every employee",
    "the pump was serviced",
]


def _dot(question: str) -> list[float]:
    bags = [terms.terms(text, "en") for text in CORPUS]
    average = sum(len(bag) for bag in bags) / len(bags)
    ids = [[terms.term_id(term) for term in bag] for bag in bags]
    frequency: dict[int, int] = {}
    for bag in ids:
        for term in set(bag):
            frequency[term] = frequency.get(term, 0) + 1
    wanted = bm25.query_weights([terms.term_id(t) for t in terms.terms(question, "en")], frequency, len(CORPUS))
    query = dict(zip(wanted.indices, wanted.values, strict=True))
    scores = []
    for bag in ids:
        side = bm25.document_weights({term: bag.count(term) for term in bag}, len(bag), average)
        scores.append(sum(query.get(i, 0.0) * v for i, v in zip(side.indices, side.values, strict=True)))
    return scores


@pytest.mark.parametrize("question", ["boiler valve", "every year", "serviced pump valve"])
def test_the_dot_product_is_what_an_independent_implementation_computes(question: str) -> None:
    library = bm25s.BM25(method="lucene", k1=bm25.K1, b=bm25.B)
    bags = [terms.terms(text, "en") for text in CORPUS]
    library.index(bags, show_progress=False)
    expected = library.get_scores(list(dict.fromkeys(terms.terms(question, "en"))))
    assert np.allclose(_dot(question), expected, atol=1e-5)


def test_a_second_mention_counts_less_than_the_first() -> None:
    one, two = (bm25.query_weights([7] * mentions, {7: 1}, 10).values[0] for mentions in (1, 2))
    assert one < two < 2 * one


@given(COUNTS, st.floats(1, 1000))
def test_weights_of_a_chunk_are_sorted_by_term_and_lie_between_0_and_1(counts: dict[int, int], average: float) -> None:
    weights = bm25.document_weights(counts, sum(counts.values()), average)
    assert list(weights.indices) == sorted(counts)
    assert all(0 < value < 1 for value in weights.values)


@given(st.integers(1, 40), st.integers(1, 200), st.floats(1, 500))
def test_more_mentions_weigh_more_and_a_longer_chunk_weighs_less(count: int, length: int, average: float) -> None:
    def weight(mentions: int, words: int) -> float:
        return bm25.document_weights({1: mentions}, words, average).values[0]

    assert weight(count + 1, length) > weight(count, length)
    assert weight(count, length + 50) < weight(count, length)
    # Saturation: the next mention adds less than the one before it.
    assert weight(count + 2, length) - weight(count + 1, length) < weight(count + 1, length) - weight(count, length)


def test_before_anything_is_known_of_lengths_length_does_not_count() -> None:
    assert bm25.document_weights({1: 2}, 10, 0).values == bm25.document_weights({1: 2}, 9999, 0).values


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_idf_is_positive_and_falls_with_frequency(frequency: int, count: int) -> None:
    value = bm25.inverse_document_frequency(frequency, count)
    assert value > 0
    assert value >= bm25.inverse_document_frequency(frequency + 1, count)


def test_idf_of_statistics_that_lag_behind_stays_finite() -> None:
    # Chunks were removed, the term's counter was not yet.
    assert bm25.inverse_document_frequency(12, 10) == bm25.inverse_document_frequency(10, 10)
    assert math.isfinite(bm25.inverse_document_frequency(3, 0))


def test_unknown_terms_and_repeats_of_a_query_are_left_out() -> None:
    weights = bm25.query_weights([7, 5, 7, 9], {5: 3, 7: 1, 9: 0}, 10)
    assert weights.indices == (5, 7)
    assert weights.values[1] > weights.values[0] > 0


def test_a_query_of_unknown_terms_is_an_empty_vector() -> None:
    weights = bm25.query_weights([1, 2], {}, 10)
    assert (weights.indices, weights.values) == ((), ())
