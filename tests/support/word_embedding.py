"""How do tests get vectors without building a model?"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from core.text import language, terms
from core.types import EmbeddingKind, Health, PluginStatus, Vector

DIMENSION = 1024


class WordEmbedding:
    """An embedding plugin whose cosines say how many stems two texts share; a synonym is another word to it."""

    model_name = "words-1"
    similarity_range = (0.0, 1.0)
    multilingual = False
    max_tokens = 256

    async def embed_text(self, text: str, *, kind: EmbeddingKind = EmbeddingKind.QUERY) -> Vector:
        vector: Vector = (await self.embed_batch([text], kind=kind))[0]
        return vector

    async def embed_batch(
        self, texts: Sequence[str], batch_size: int = 32, *, kind: EmbeddingKind = EmbeddingKind.PASSAGE
    ) -> Vector:
        vectors = np.zeros((len(texts), DIMENSION), np.float32)
        for row, text in enumerate(texts):
            # A text without words points somewhere, too.
            for word in set(terms.terms(text, language.detect(text))) or {""}:
                vectors[row, zlib.crc32(word.encode()) % DIMENSION] = 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if len(texts) else vectors

    def get_dimension(self) -> int:
        return DIMENSION

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Four characters a token, as models have it roughly."""
        return [(start, min(start + 4, len(text))) for start in range(0, len(text), 4)]

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to release."""

    async def health_check(self) -> Health:
        return Health(PluginStatus.HEALTHY)
