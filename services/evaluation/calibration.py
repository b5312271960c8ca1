"""Does what was thought likely come true as often?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.evaluation.answers import Row, figures_of

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Questions whose probability lies in a tenth; the last one holds 1, too."""

    least: float
    below: float
    questions: int
    mean_probability: float
    share_right: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """A reliability table without its empty rows.

    Attributes:
        without: Questions left out: nothing was found that could be judged, or a language model answered.
    """

    brier: float
    questions: int
    without: int
    bins: tuple[Bin, ...]


def calibration_of(rows: Sequence[Row]) -> Calibration | None:
    """Over the questions that have a probability; None when none has."""
    judged = [(row.confidence, row.sentence_is_right) for row in rows if row.confidence is not None]
    brier = figures_of(rows)["brier"]
    if brier is None:
        return None
    probabilities, right = np.array([p for p, _ in judged]), np.array([is_right for _, is_right in judged], float)
    # Floating point puts 0.3 * 10 under 3; what is told is rounded to four places, too.
    tenths = np.minimum(np.floor(np.round(probabilities * BINS, 6)).astype(int), BINS - 1)
    bins = tuple(
        Bin(
            least=tenth / BINS,
            below=(tenth + 1) / BINS,
            questions=int(inside.sum()),
            mean_probability=round(float(probabilities[inside].mean()), 4),
            share_right=round(float(right[inside].mean()), 4),
        )
        for tenth in range(BINS)
        if (inside := tenths == tenth).any()
    )
    return Calibration(brier, len(judged), len(rows) - len(judged), bins)
