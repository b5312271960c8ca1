"""How are many texts embedded by a model that takes a few at a time?

What servers and libraries share: texts longer than the model's window are embedded window by window and averaged,
empty ones are made into something every model accepts, calls run beside each other, and what comes back is checked,
put in order and normalised.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from core.errors import ConfigurationError, KnowledgeFoundryError, ProviderError, ProviderUnavailableError
from core.types import EmbeddingKind, Health, PluginStatus, Vector
from plugins.embedding.tokens import approximate_spans, encodable, encoded_spans, read_tokenizer
from plugins.vendors.upstream import translated

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BLANK = "."
"""Stands for a text without a sign: some servers refuse an empty one."""
_HEALTH_TIMEOUT_S = 4.0


class BatchedOptions(BaseModel):
    """What every embedding model of this kind lets one set.

    Attributes:
        dimension: Length of the vectors; another one is refused. 0: asked for when the plugin starts.
        max_tokens: Longest text that the model reads whole, its prefix included.
        query_prefix: Put before each question, for models trained with one (``query: ``). None: none, or the one
            that the model brings.
        passage_prefix: Put before each passage, likewise.
        batch_size: Texts in one call, at most.
        concurrency: Calls at the same time, for each batch of texts.
        multilingual: Whether the model knows most languages; else its tokens tell how well it knows a question.
        similarity_range: Cosine of a question with a passage on something else, and with the question itself.
        tokenizer_file: The model's ``tokenizer.json``. Empty: tokens are estimated, rather too many than too few.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dimension: int = Field(default=0, ge=0, le=16_384)
    max_tokens: int = Field(default=512, ge=32, le=1_000_000)
    query_prefix: str | None = None
    passage_prefix: str | None = None
    batch_size: int = Field(default=64, ge=1, le=2048)
    concurrency: int = Field(default=4, ge=1, le=64)
    multilingual: bool = True
    similarity_range: tuple[float, float] = (0.0, 1.0)
    tokenizer_file: str = ""


class BatchedEmbedding(ABC):
    """An embedding provider over calls that embed a few texts each.

    Args:
        model: What is recorded beside the vectors, with whatever else changes them.
        timeout_s: Of one call; None for work in this process.
    """

    SERVICE: ClassVar[str]

    def __init__(self, options: BatchedOptions, model: str, *, timeout_s: float | None) -> None:
        self._batched = options
        self._model_label = model
        self._timeout_s = timeout_s
        self._dimension = options.dimension
        self._window = options.max_tokens
        self._prefixes = {
            EmbeddingKind.QUERY: options.query_prefix or "",
            EmbeddingKind.PASSAGE: options.passage_prefix or "",
        }
        self._tokenizer: Tokenizer | None = None

    @property
    def multilingual(self) -> bool:
        return self._batched.multilingual

    @property
    def similarity_range(self) -> tuple[float, float]:
        return self._batched.similarity_range

    @abstractmethod
    async def _connect(self) -> None:
        """Load or connect; the tokenizer, the window and the prefixes may be replaced here."""

    @abstractmethod
    async def _embed(self, texts: Sequence[str], kind: EmbeddingKind) -> Any:
        """One call: rows of numbers, in the order of the texts, which do not have their prefix yet."""

    @abstractmethod
    async def close(self) -> None:
        """See ``Plugin``."""

    async def start(self) -> None:
        if self._batched.tokenizer_file:
            self._tokenizer = await asyncio.to_thread(read_tokenizer, self._batched.tokenizer_file)
        await self._connect()
        if self.max_tokens < 1:
            raise ConfigurationError("max_tokens: the prefix alone fills the model's window.")
        if not self._dimension:
            rows = self._rows(await self._asked([BLANK], EmbeddingKind.PASSAGE), 1)
            self._dimension = rows.shape[1]

    async def health_check(self) -> Health:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(_HEALTH_TIMEOUT_S):
                await self.embed_text("health")
        except TimeoutError:
            return Health(PluginStatus.BROKEN, f"{self.SERVICE} does not answer.")
        except KnowledgeFoundryError as error:
            return Health(PluginStatus.BROKEN, str(error))
        return Health(PluginStatus.HEALTHY, latency_ms=(time.perf_counter() - started) * 1000)

    async def embed_text(self, text: str, *, kind: EmbeddingKind = EmbeddingKind.QUERY) -> Vector:
        vector: Vector = (await self.embed_batch([text], kind=kind))[0]
        return vector

    async def embed_batch(
        self, texts: Sequence[str], batch_size: int = 32, *, kind: EmbeddingKind = EmbeddingKind.PASSAGE
    ) -> Vector:
        if not texts:
            return np.zeros((0, self.get_dimension()), np.float32)
        windows, owners, weights = await asyncio.to_thread(self._windows, texts)
        vectors = np.zeros((len(windows), self.get_dimension()), np.float32)
        batches = _batches(windows, min(batch_size, self._batched.batch_size))

        async def work() -> None:
            for batch in batches:
                rows = await self._asked([windows[i] for i in batch], kind)
                vectors[batch] = self._normalised(self._rows(rows, len(batch)))

        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(self._batched.concurrency):
                    workers.create_task(work())
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        return vectors if len(windows) == len(texts) else self._averaged(vectors, owners, weights, len(texts))

    def get_dimension(self) -> int:
        if not self._dimension:
            raise ProviderUnavailableError(f"{self.SERVICE} was not started, so that its dimension is not known.")
        return self._dimension

    @property
    def model_name(self) -> str:
        name = f"{self._model_label}/{self.get_dimension()}"
        if not any(self._prefixes.values()):
            return name
        # Another prefix makes other vectors.
        prefixes = "\0".join(self._prefixes[kind] for kind in EmbeddingKind)
        return f"{name}/{hashlib.sha256(prefixes.encode()).hexdigest()[:8]}"

    @property
    def max_tokens(self) -> int:
        return self._window - max(len(self.token_spans(prefix)) for prefix in self._prefixes.values())

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        if self._tokenizer is None:
            return approximate_spans(text)
        return encoded_spans(self._tokenizer, text)

    def _prefixed(self, texts: Sequence[str], kind: EmbeddingKind) -> list[str]:
        return [self._prefixes[kind] + text for text in texts]

    async def _asked(self, texts: Sequence[str], kind: EmbeddingKind) -> Any:
        with translated(self.SERVICE):
            async with asyncio.timeout(self._timeout_s):
                return await self._embed(texts, kind)

    def _windows(self, texts: Sequence[str]) -> tuple[list[str], list[int], list[int]]:
        """Texts of at most a window each, the position of the text each belongs to, and their tokens."""
        windows, owners, weights = [], [], []
        room = self.max_tokens
        for position, text in enumerate(map(encodable, texts)):
            spans = self.token_spans(text)
            whole = len(spans) <= room
            for first in range(0, max(len(spans), 1), room):
                inside = spans[first : first + room]
                piece = text if whole else text[inside[0][0] : inside[-1][1]]
                windows.append(piece if piece.strip() else BLANK)
                owners.append(position)
                weights.append(max(len(inside), 1))
        return windows, owners, weights

    def _rows(self, found: Any, count: int) -> Vector:
        """What a call gave, as ``(count, dim)`` numbers."""
        try:
            rows = np.asarray(found, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise self._nonsense() from error
        if rows.ndim != 2 or len(rows) != count or not rows.shape[1] or not np.isfinite(rows).all():
            raise self._nonsense()
        if self._dimension and rows.shape[1] != self._dimension:
            raise ConfigurationError(
                f"dimension: found {self._dimension}; {self._model_label} gives vectors of {rows.shape[1]}.",
                next_step="Set it, and vector_db.vector_size, to what the model gives, or choose another model.",
            )
        return rows

    def _normalised(self, rows: Vector) -> Vector:
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if not lengths.all():
            raise self._nonsense()
        unit: Vector = rows / lengths
        return unit

    def _averaged(self, vectors: Vector, owners: Sequence[int], weights: Sequence[int], count: int) -> Vector:
        summed = np.zeros((count, vectors.shape[1]), np.float32)
        np.add.at(summed, np.asarray(owners), vectors * np.asarray(weights, np.float32)[:, None])
        return self._normalised(summed)

    def _nonsense(self) -> ProviderError:
        return ProviderError(
            f"{self.SERVICE} answered with something that is not a vector for each text.",
            next_step="Check its address and that the model is one for embeddings.",
        )


def _batches(texts: Sequence[str], size: int) -> Iterator[list[int]]:
    # Texts of like length go together, so that little is padded, and the longest first, so that all end together.
    order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
    return iter([order[start : start + size] for start in range(0, len(order), size)])
