"""How do similarities stand beside each other, whatever the model and the languages?"""

from __future__ import annotations

from dataclasses import replace

from core.similarity import rescaled
from core.types import HybridHit
from plugins.interfaces import EmbeddingProvider
from services.search.fusion import OPPOSITE

KNOWN_CHARACTERS, UNKNOWN_CHARACTERS = 3.0, 1.3
"""Characters of a question to a token: words a model was trained on are few long tokens, others fall into letters."""
FOREIGN_LIFT = 0.1
"""So much lower are similarities across languages than within one (measured: docs/evaluation.md)."""


def comparable(cosine: float | None, embedding: EmbeddingProvider) -> float | None:
    """Brought to the scale on which fusion and judgement rest, whatever the model."""
    if cosine is None:
        return None
    return min(max(rescaled(cosine, embedding.similarity_range), OPPOSITE), 1.0)


def lifted(hit: HybridHit) -> HybridHit:
    """A hit across languages, on the scale of those within one."""
    return hit if hit.dense_score is None else replace(hit, dense_score=min(hit.dense_score + FOREIGN_LIFT, 1.0))


def familiarity(question: str, embedding: EmbeddingProvider) -> float:
    """How well the embedding model knows the words of a question, 0–1, by the size of its tokens."""
    if embedding.multilingual:
        return 1.0
    tokens = len(embedding.token_spans(question))
    characters = sum(not character.isspace() for character in question)
    if not tokens:
        return 1.0
    share = (characters / tokens - UNKNOWN_CHARACTERS) / (KNOWN_CHARACTERS - UNKNOWN_CHARACTERS)
    return min(max(share, 0.0), 1.0)
