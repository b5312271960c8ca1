"""Does the best sentence answer the question, or is it only near?

A probability: a logistic regression over a few things that words and vectors can tell. Its weights are fitted by
``benchmarks/judgement.py`` and stand in ``judgement.json`` with what they were fitted on. Who reads better, a trained
judge or a language model, replaces this file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.types import Caution, Grounding
from plugins.llm.extractive.ranking import Scored

FILE = Path(__file__).with_name("judgement.json")
FEATURES = ("meaning", "similarity", "stands_out", "fits", "foreign", "score")
Features = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Weights by feature, and from which probability on a sentence is stated.

    Attributes:
        typical: Means of the features, for what is unknown: without vectors there is no similarity.
    """

    weights: Features
    intercept: float
    typical: Features
    thresholds: Mapping[Caution, float]

    def probability(self, features: Features) -> float:
        """How likely the sentence answers, 0–1."""
        known = {**self.typical, **features}
        return 1 / (1 + math.exp(-self.intercept - sum(weight * known[name] for name, weight in self.weights.items())))


@lru_cache(maxsize=1)
def fitted() -> Judgement:
    """The judgement of this release."""
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    thresholds = {Caution(name): value for name, value in kept["thresholds"].items()}
    return Judgement(kept["weights"], kept["intercept"], kept["typical"], thresholds)


def features(best: Scored, grounding: Grounding) -> dict[str, float]:
    """What is known of the best sentence; without its passage's similarity where no vectors were compared."""
    found = {
        "meaning": best.meaning,
        "fits": float(best.fits),
        "foreign": float(best.foreign),
        "score": best.score,
    }
    passage = next(one for one in grounding.passages if one.number == best.sentence.passage)
    if passage.similarity is not None:
        found["similarity"] = passage.similarity
        if grounding.background is not None:
            found["stands_out"] = passage.similarity - grounding.background
    return found


def probability(best: Scored, grounding: Grounding) -> float:
    """How likely the best sentence answers the question, 0–1."""
    return fitted().probability(features(best, grounding))
