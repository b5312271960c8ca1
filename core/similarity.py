"""What does a cosine say?

Embedding models use different parts of the scale: with one, texts that have nothing in common have a cosine of 0, with
another of .74. Whoever compares with a fixed number first brings the model's range to 0 (unrelated) and 1 (the same).
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Cosines = TypeVar("Cosines", float, npt.NDArray[np.float64])


def rescaled(cosines: Cosines, similarity_range: tuple[float, float]) -> Cosines:
    """Cosines on the scale where 0 is unrelated and 1 the same; beyond both ends where the cosine is."""
    low, high = similarity_range
    return (cosines - low) / (high - low)
