"""What do scores, one per candidate, make of the candidates?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.errors import ProviderError
from core.types import Candidate


def passage_of(candidate: Candidate) -> str:
    """The text that is judged: as it was embedded, with title and headings before it."""
    chunk = candidate.chunk
    text = f"{chunk.context}\n{chunk.content}" if chunk.context else chunk.content
    # Half a surrogate pair comes from broken files, and neither tokenizers nor JSON can carry it.
    return encodable(text)


def encodable(text: str) -> str:
    """The text with question marks for what UTF-8 cannot say."""
    return text.encode("utf-8", "replace").decode()


def ranked(chunks: Sequence[Candidate], scores: Mapping[int, float], top_k: int, service: str) -> list[Candidate]:
    """The ``top_k`` best by score; equal ones stay in the order of the search.

    Args:
        scores: Position → score. Ranks as it is; what is kept of it lies in 0–1, as ``Candidate.score`` must.

    Raises:
        ProviderError: A score is no number, or one that is needed is missing.
    """
    if len(scores) < min(top_k, len(chunks)):
        raise ProviderError(f"{service} left passages out of its answer.", next_step="Check its address and version.")
    if not all(math.isfinite(score) for score in scores.values()):
        raise ProviderError(f"{service} gave a score that is no number.", next_step="Check the model.")
    best = sorted(scores, key=lambda position: (-scores[position], position))[: max(top_k, 0)]
    return [replace(chunks[position], score=min(max(scores[position], 0.0), 1.0)) for position in best]
