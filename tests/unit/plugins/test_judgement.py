"""Is the judgement fitted on what it may be fitted on, and does it say more the better a sentence is?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.judgement import FITTED_LINES, digest
from core.text.quotable import Sentence
from core.types import Caution, Grounding, Passage
from plugins.llm.extractive import judgement
from plugins.llm.extractive.ranking import Scored
from services.evaluation import read_questions

EXAMPLES = Path(__file__).parents[3] / "examples" / "questions.jsonl"
BEST = Scored(Sentence(1, "The valve opens at 6 bar.", "Boiler"), score=0.8, meaning=0.7)


def grounding(similarity: float | None, background: float | None = 0.1) -> Grounding:
    passage = Passage(number=1, text="The valve opens at 6 bar.", similarity=similarity)
    return Grounding(question="At what pressure?", passages=(passage,), background=background)


def test_it_was_fitted_on_the_first_half_of_the_examples_and_never_on_the_second() -> None:
    fitted_on = set(json.loads(judgement.FILE.read_text(encoding="utf-8"))["fitted_on"]["examples"])
    names = [digest(question.question) for question in read_questions(EXAMPLES)]
    assert fitted_on == set(names[:FITTED_LINES])
    assert fitted_on.isdisjoint(names[FITTED_LINES:])


def test_the_more_cautious_the_surer_it_must_be() -> None:
    least = judgement.fitted().thresholds
    assert least[Caution.CAREFUL] > least[Caution.BALANCED] > least[Caution.GENEROUS] > 0


@pytest.mark.parametrize("worse", [{"meaning": 0.2}, {"score": 0.3}, {"fits": False}])
def test_a_better_sentence_is_likelier_an_answer(worse: dict[str, float]) -> None:
    other = Scored(**{**{name: getattr(BEST, name) for name in Scored.__slots__}, **worse})
    assert judgement.probability(BEST, grounding(0.6)) > judgement.probability(other, grounding(0.6))


def test_a_passage_that_stands_out_is_likelier_one() -> None:
    assert judgement.probability(BEST, grounding(0.6, 0.1)) > judgement.probability(BEST, grounding(0.6, 0.5))


def test_without_vectors_it_judges_as_for_a_typical_passage() -> None:
    unknown = judgement.features(BEST, grounding(None, None))
    assert unknown.keys() == {"meaning", "fits", "foreign", "score"}
    typical = judgement.fitted().typical
    assert judgement.probability(BEST, grounding(None, None)) == judgement.fitted().probability(
        {**unknown, "similarity": typical["similarity"], "stands_out": typical["stands_out"]}
    )
