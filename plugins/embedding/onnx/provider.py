"""How does a text become a vector with ONNX Runtime?"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from core.errors import ProviderUnavailableError
from core.types import EmbeddingKind, Health, PluginStatus, Vector
from plugins.embedding.onnx.building import ensure_built
from plugins.embedding.onnx.encoders import DIMENSION, ENCODERS, Encoder
from plugins.interfaces import PluginContext

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SPECIAL = 2
"""Marks at the ends of a window."""
MAX_THREADS = 4
UNPADDED_FROM = 128
"""From so many tokens on a run holds windows of one length only: padding would cost more than a fuller run saves."""


class OnnxOptions(BaseModel):
    """Model, precision and threads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Literal["all-MiniLM-L6-v2", "multilingual-e5-small"] = "multilingual-e5-small"
    """A hundred languages, or English alone at twice the speed (needs the extra ``minilm``)."""
    precision: Literal["int8", "fp32"] = "int8"
    threads: int = Field(default=0, ge=0, le=64)
    """Runs at the same time, each on a thread of its own; 0: as many as there are cores, at most 4."""
    batch_size: int = Field(default=8, ge=1, le=256)
    """Texts in one run; small runs of like length stay in the cache and are fastest."""


class OnnxEmbedding:
    """Sentence encoders from the weights of installed packages."""

    Options = OnnxOptions

    def __init__(self, options: OnnxOptions, context: PluginContext) -> None:
        self._options = options
        self._threads = options.threads or min(os.cpu_count() or 1, MAX_THREADS)
        self._folder = context.data_dir / "models"
        self._session: InferenceSession | None = None
        self._kind = ENCODERS[options.model]
        self._encoder: Encoder | None = None

    async def start(self) -> None:
        await asyncio.to_thread(self._load)

    async def close(self) -> None:
        self._session = self._encoder = None

    async def health_check(self) -> Health:
        if self._session is None:
            return Health(PluginStatus.BROKEN, "The embedding model is not loaded.")
        started = time.perf_counter()
        vector = await self.embed_text("health")
        latency = (time.perf_counter() - started) * 1000
        if not np.isfinite(vector).all():
            return Health(PluginStatus.BROKEN, "The embedding model gives no numbers.", latency)
        return Health(PluginStatus.HEALTHY, latency_ms=latency)

    async def embed_text(self, text: str, *, kind: EmbeddingKind = EmbeddingKind.QUERY) -> Vector:
        vectors = await self.embed_batch([text], kind=kind)
        vector: Vector = vectors[0]
        return vector

    async def embed_batch(
        self,
        texts: Sequence[str],
        batch_size: int = 32,
        *,
        kind: EmbeddingKind = EmbeddingKind.PASSAGE,
    ) -> Vector:
        # Cancelling returns at once; each thread ends by itself after one batch at most.
        if not texts:
            return np.zeros((0, DIMENSION), np.float32)
        windows, owners = await asyncio.to_thread(self._windows, texts, kind)
        vectors = np.zeros((len(windows), DIMENSION), np.float32)
        share = -(-len(windows) // self._threads)
        batches = _batches([len(window) for window in windows], min(batch_size, self._options.batch_size, share))

        async def work() -> None:
            for batch in batches:
                vectors[batch] = await asyncio.to_thread(self._run, [windows[i] for i in batch])

        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(min(self._threads, len(windows))):
                    workers.create_task(work())
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        return _averaged(vectors, owners, [len(window) for window in windows], len(texts))

    def get_dimension(self) -> int:
        return DIMENSION

    @property
    def model_name(self) -> str:
        return f"{self._options.model}/{self._options.precision}"

    @property
    def max_tokens(self) -> int:
        encoder = self._loaded_encoder()
        return self._kind.window - SPECIAL - max(len(encoder.prefix(kind)) for kind in EmbeddingKind)

    @property
    def similarity_range(self) -> tuple[float, float]:
        return self._kind.similarity_range

    @property
    def multilingual(self) -> bool:
        return self._kind.multilingual

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        return self._loaded_encoder().spans(text)

    # -- in a thread

    def _load(self) -> None:
        import onnxruntime

        encoder = self._kind()
        options = onnxruntime.SessionOptions()
        # Several runs beside each other beat several threads in one run: no operator waits for the slowest thread.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(self._model_file(encoder)), options, providers=["CPUExecutionProvider"]
        )
        self._encoder = encoder

    def _model_file(self, encoder: Encoder) -> Path:
        name = f"{self._options.model}-{self._options.precision}-{encoder.graph_version}.onnx"
        target = self._folder / name
        ensure_built(self._options.model, encoder.weights_file, target, quantize=self._options.precision == "int8")
        return target

    def _loaded_encoder(self) -> Encoder:
        if self._encoder is None:
            raise ProviderUnavailableError("The embedding model is not loaded.", next_step="Start the plugin first.")
        return self._encoder

    def _windows(self, texts: Sequence[str], kind: EmbeddingKind) -> tuple[list[list[int]], list[int]]:
        """Token ids of each window, with the position of the text it belongs to."""
        encoder = self._loaded_encoder()
        head = [encoder.first, *encoder.prefix(kind)]
        room = self._kind.window - len(head) - 1
        windows, owners = [], []
        for position, ids in enumerate(encoder.ids(texts)):
            for start in range(0, max(len(ids), 1), room):
                windows.append([*head, *ids[start : start + room], encoder.last])
                owners.append(position)
        return windows, owners

    def _run(self, windows: Sequence[Sequence[int]]) -> Vector:
        session, encoder = self._session, self._loaded_encoder()
        if session is None:
            raise ProviderUnavailableError("The embedding model is not loaded.", next_step="Start the plugin first.")
        longest = max(len(window) for window in windows)
        ids = np.zeros((len(windows), longest), np.int32)
        mask = np.zeros((len(windows), longest), np.int32)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = window
            mask[row, : len(window)] = 1
        inputs = {**encoder.inputs(ids), "attention_mask": mask, "padded": np.array(not mask.all())}
        vectors: Vector = session.run(None, inputs)[0]
        return vectors


def _batches(lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    """Positions of windows to run together; the longest come first, so that all threads end at about the same time."""
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        longest = lengths[batch[0]] if batch else 0
        if batch and (len(batch) == size or (longest >= UNPADDED_FROM and lengths[position] != longest)):
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch


def _averaged(vectors: Vector, owners: Sequence[int], lengths: Sequence[int], count: int) -> Vector:
    """One vector per text: the mean of its windows by their length, normalised again."""
    if len(owners) == count:
        return vectors
    weights = np.asarray(lengths, np.float32)[:, None]
    summed = np.zeros((count, vectors.shape[1]), np.float32)
    np.add.at(summed, np.asarray(owners), vectors * weights)
    averaged: Vector = summed / np.linalg.norm(summed, axis=1, keepdims=True)
    return averaged
