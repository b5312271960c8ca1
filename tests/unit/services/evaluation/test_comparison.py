"""Is a difference between two runs told from chance?"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from core.errors import ValidationError
from core.events import Outcome
from services.evaluation.comparison import compare, read_run, require_former
from services.evaluation.questions import Question
from services.evaluation.report import Report
from tests.unit.services.evaluation.rows import OTHER, RIGHT, hit, missed, row, stated_wrongly


def test_the_same_run_twice_differs_in_nothing() -> None:
    rows = [hit("a", ms=10), missed("b", ms=20), stated_wrongly("c", ms=30)]
    comparison = compare(rows, rows)
    assert comparison.changed == ()
    assert {"hit_rate", "stated_wrongly", "p95_ms"} <= comparison.figures.keys()
    for difference in comparison.figures.values():
        assert (difference.difference, difference.low, difference.high) == (0, 0, 0)
        assert not difference.is_clear


def test_what_changed_everywhere_is_certain() -> None:
    names = [str(number) for number in range(30)]
    hits = compare([missed(name) for name in names], [hit(name) for name in names]).figures["hit_rate"]
    assert (hits.former, hits.now, hits.difference, hits.low, hits.high) == (0, 1, 1, 1, 1)
    assert hits.is_clear


def test_the_interval_is_that_of_the_normal_distribution_where_there_are_many_questions() -> None:
    # Of 400 questions 60 are won, 40 are lost: the differences have the mean .05 and a known spread.
    before = [missed(str(n)) if n < 60 else hit(str(n)) for n in range(400)]
    now = [missed(str(n)) if 60 <= n < 100 else hit(str(n)) for n in range(400)]
    hits = compare(before, now).figures["hit_rate"]
    half = 1.96 * math.sqrt((100 / 400 - 0.05**2) / 400)
    assert hits.difference == 0.05
    assert hits.low == pytest.approx(0.05 - half, abs=0.004)
    assert hits.high == pytest.approx(0.05 + half, abs=0.004)
    assert hits == compare(before, now).figures["hit_rate"]


def test_pairs_are_narrower_than_two_runs_apart() -> None:
    # One question of 100 differs, though half of each run fails.
    before = [hit(str(n)) if n % 2 else missed(str(n)) for n in range(100)]
    hits = compare(before, [hit("0"), *before[1:]]).figures["hit_rate"]
    assert 0 <= hits.low <= hits.high <= 0.04


def test_only_questions_of_both_runs_are_compared_each_with_itself() -> None:
    before = [hit("asked twice"), missed("asked twice"), hit("only then")]
    comparison = compare(before, [missed("only now"), hit("asked twice"), missed("asked twice")])
    assert (comparison.questions, comparison.changed) == (2, ())


def test_questions_that_came_out_otherwise_are_told() -> None:
    before = [missed("better"), hit("worse"), hit("same"), row("other passages", Outcome.CLOSEST, OTHER)]
    now = [hit("better"), missed("worse"), hit("same"), row("other passages", Outcome.CLOSEST, RIGHT)]
    changed = compare(before, now).changed
    assert [one.question for one, _ in changed] == ["better", "worse", "other passages"]
    assert all(one.question == other.question for one, other in changed)


def test_figures_that_one_run_lacks_are_left_out() -> None:
    comparison = compare([hit("a"), hit("b", ms=5)], [hit("a", ms=1), hit("b", ms=2)])
    assert not {"p50_ms", "brier", "stated_wrongly"} & comparison.figures.keys()


def test_a_run_is_read_as_it_was_kept(tmp_path: Path) -> None:
    rows = (hit("a", confidence=0.4, ms=3), missed("b"), stated_wrongly("c"))
    path = tmp_path / "run.json"
    path.write_text(Report(rows, compare(rows, rows)).json(), encoding="utf-8")
    assert read_run(path) == rows


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file"),
        ("{", "Expecting property name"),
        ('{"hit_rate": 1}', "rows: Field required"),
        (json.dumps({"rows": [{"id": "1", "question": "a"}]}), r"rows\.0\.answer: Field required"),
    ],
)
def test_what_is_no_run_is_said_to_be_none(tmp_path: Path, content: str | None, why: str) -> None:
    path = tmp_path / "run.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValidationError, match=f"is no former run: .*{why}.* Give what"):
        read_run(path)


def test_a_run_of_other_questions_is_refused_before_anything_is_asked() -> None:
    require_former([hit("a")], [Question("a", None, None, None)])
    with pytest.raises(ValidationError, match="asked none of these questions"):
        require_former([hit("a")], [Question("b", None, None, None)])
