"""Do the figures mean what their names say?"""

from __future__ import annotations

import math

import pytest

from core.events import Outcome
from services.evaluation import answer_in, rank_scores
from services.evaluation.answers import figures_of, is_right
from services.evaluation.calibration import calibration_of
from services.evaluation.questions import Place
from tests.unit.services.evaluation.rows import OTHER, RIGHT, hit, missed, row, stated_wrongly


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


def test_every_figure_counts_what_it_says() -> None:
    rows = [
        row("a", Outcome.ANSWERED, RIGHT, OTHER, ms=10),
        row("b", Outcome.CLOSEST, RIGHT, ms=20),
        row("c", Outcome.CLOSEST, OTHER, ms=30),
        missed("d", ms=1000),
        stated_wrongly("e", ms=40),
        missed("f", answerable=False, ms=50),
    ]
    assert figures_of(rows) == {
        "hit_rate": 0.25,
        "shown_rate": 0.5,
        "citation_precision": 0.5,
        "answer_in_text": 0.25,
        "stated_wrongly": 0.5,
        "refused_answerable": 0.25,
        "brier": None,
        "p50_ms": 35.0,
        "p95_ms": 762.5,
    }


def test_a_figure_without_anything_to_count_is_none_rather_than_0() -> None:
    assert set(figures_of([]).values()) == {None}
    assert figures_of([missed("a")])["stated_wrongly"] is None


def test_a_place_without_a_page_is_anywhere_in_the_file() -> None:
    places = [Place("a.txt"), Place("b.pdf", 2)]
    assert is_right(places, "a.txt", 7)
    assert is_right(places, "b.pdf", 2)
    assert not is_right(places, "b.pdf", 7)


def test_how_sure_it_was_is_held_against_what_came_true() -> None:
    rows = [
        hit("a", confidence=1.0),
        hit("b", confidence=0.3),
        stated_wrongly("c", confidence=0.36),
        row("d", Outcome.CLOSEST, RIGHT, OTHER, confidence=0.05),
        row("e", Outcome.CLOSEST, OTHER, RIGHT, confidence=0.02),
        missed("f", confidence=0.02),
        missed("g", answerable=False),
    ]
    calibration = calibration_of(rows)
    assert calibration is not None
    assert (calibration.questions, calibration.without) == (6, 1)
    assert calibration.brier == pytest.approx((0.7**2 + 0.36**2 + 0.95**2 + 2 * 0.02**2) / 6, abs=1e-4)
    assert [(one.least, one.questions, one.mean_probability, one.share_right) for one in calibration.bins] == [
        (0.0, 3, 0.03, 0.3333),
        (0.3, 2, 0.33, 0.5),
        (0.9, 1, 1.0, 1.0),
    ]


def test_without_probabilities_there_is_no_calibration() -> None:
    assert calibration_of([hit("a"), missed("b")]) is None
