"""Does a cosine say the same, whatever part of the scale a model uses?"""

from __future__ import annotations

import numpy as np
import pytest

from core.similarity import rescaled


@pytest.mark.parametrize(("cosine", "expected"), [(0.7, 0.0), (0.8, 0.5), (0.9, 1.0), (0.6, -0.5)])
def test_the_range_of_a_model_becomes_nought_to_one(cosine: float, expected: float) -> None:
    assert rescaled(cosine, (0.7, 0.9)) == pytest.approx(expected)


def test_many_are_rescaled_at_once() -> None:
    assert rescaled(np.array([0.5, 1.0]), (0.5, 1.0)).tolist() == [0.0, 1.0]
