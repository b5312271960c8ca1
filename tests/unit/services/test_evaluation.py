"""Do the figures mean what their names say?"""

from __future__ import annotations

import math

import pytest

from services.evaluation import answer_in, rank_scores


def test_a_perfect_ranking_scores_one() -> None:
    assert rank_scores(["a", "b", "c"], {"a": 2, "b": 1}) == (1.0, 1.0, 1.0, 1.0)


def test_a_late_hit_is_discounted() -> None:
    ndcg, recall_10, recall_100, mrr = rank_scores(["x", "a"], {"a": 1, "b": 1})
    assert ndcg == pytest.approx((1 / math.log2(3)) / (1 + 1 / math.log2(3)))
    assert (recall_10, recall_100, mrr) == (0.5, 0.5, 0.5)


def test_a_hit_beyond_ten_counts_only_for_the_deep_recall() -> None:
    ranking = [f"x{i}" for i in range(20)] + ["a"]
    assert rank_scores(ranking, {"a": 1})[:3] == (0.0, 0.0, 1.0)
    assert rank_scores(ranking, {"a": 1})[3] == pytest.approx(1 / 21)


def test_an_answer_must_stand_in_few_words_of_the_quotes() -> None:
    assert answer_in(["It costs **48 EUR** per filter."], "48 EUR")
    assert not answer_in(["word " * 81 + "48 EUR"], "48 EUR")
    assert not answer_in(["a", "b", "c", "48 EUR"], "48 EUR")
