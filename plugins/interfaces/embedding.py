"""What must an embedding model be able to do?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.types import EmbeddingKind, Vector
from plugins.interfaces.plugin import Plugin


class EmbeddingProvider(Plugin, Protocol):
    """Turns text into vectors."""

    async def embed_text(self, text: str, *, kind: EmbeddingKind = EmbeddingKind.QUERY) -> Vector:
        """One normalised vector, shape ``(dim,)``."""

    async def embed_batch(
        self, texts: Sequence[str], batch_size: int = 32, *, kind: EmbeddingKind = EmbeddingKind.PASSAGE
    ) -> Vector:
        """Normalised vectors in the order of the texts, shape ``(n, dim)``; ``(0, dim)`` for none."""

    def get_dimension(self) -> int:
        """Sync. Length of each vector."""

    @property
    def model_name(self) -> str:
        """Sync. Name recorded beside stored vectors; two names never share a collection."""

    @property
    def similarity_range(self) -> tuple[float, float]:
        """Sync. Cosine of a question with a passage on something else, and with one that is the question itself.

        Before a cosine is compared with a fixed number it is rescaled by it (``core.similarity``).
        """

    @property
    def multilingual(self) -> bool:
        """Sync. Whether it knows most languages; else the size of its tokens tells how well it knows a question."""

    @property
    def max_tokens(self) -> int:
        """Sync. Longest text the model reads whole, without its special tokens; more would be cut."""

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Sync. Character span of each token of the model's own tokenizer, for chunking."""
