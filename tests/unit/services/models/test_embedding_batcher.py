"""Do documents that share a model each get their own vectors, and only their own trouble?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest

from core.errors import ProviderUnavailableError, ValidationError
from core.types import EmbeddingKind, Vector
from plugins.interfaces import EmbeddingProvider
from services.models.embedding_batcher import AT_ONCE, SharedEmbedding


class Counting:
    """Embeds by the length of a text, one run at a time when it is told to."""

    def __init__(self) -> None:
        self.runs: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def embed_batch(
        self, texts: Sequence[str], batch_size: int = 32, *, kind: EmbeddingKind = EmbeddingKind.PASSAGE
    ) -> Vector:
        self.runs.append(list(texts))
        await self.gate.wait()
        if "poison" in texts:
            raise ValidationError("No model reads this.")
        return np.array([[len(text)] for text in texts], np.float32)


def share(model: Counting) -> SharedEmbedding:
    """It calls one method of the model."""
    return SharedEmbedding(cast("EmbeddingProvider", model))


def lengths(vectors: Vector) -> list[int]:
    return [int(value) for value in vectors[:, 0]]


async def test_what_waits_is_embedded_in_one_run_and_shared_out() -> None:
    model = Counting()
    model.gate.clear()
    shared = share(model)
    asked = [asyncio.ensure_future(shared.order(texts)) for texts in (["a"], ["bb"], ["ccc", "dddd"], ["eeeee"])]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    model.gate.set()
    assert [lengths(vectors) for vectors in await asyncio.gather(*asked)] == [[1], [2], [3, 4], [5]]
    assert [len(run) for run in model.runs] == [5]


async def test_a_text_no_model_reads_fails_its_document_alone() -> None:
    model = Counting()
    shared = share(model)
    results = await asyncio.gather(
        shared.order(["good"]), shared.order(["poison"]), shared.order(["better"]), return_exceptions=True
    )
    assert isinstance(results[0], np.ndarray)
    assert isinstance(results[1], ValidationError)
    assert isinstance(results[2], np.ndarray)


async def test_a_document_nobody_waits_for_any_more_is_not_embedded() -> None:
    model = Counting()
    model.gate.clear()
    shared = share(model)
    first = [asyncio.ensure_future(shared.order([f"busy {number}"])) for number in range(2)]
    await asyncio.sleep(0)
    gone = asyncio.ensure_future(shared.order(["gone"]))
    last = asyncio.ensure_future(shared.order(["last"]))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait({gone})
    model.gate.set()
    assert lengths(await last) == [4]
    await asyncio.gather(*first)
    assert "gone" not in [text for run in model.runs for text in run]


async def test_a_long_document_is_a_run_of_its_own() -> None:
    model = Counting()
    shared = share(model)
    vectors = await shared.order(["x"] * (AT_ONCE + 1))
    assert len(vectors) == AT_ONCE + 1


async def test_a_model_that_is_away_fails_whoever_asked() -> None:
    class Away(Counting):
        async def embed_batch(
            self, texts: Sequence[str], batch_size: int = 32, *, kind: EmbeddingKind = EmbeddingKind.PASSAGE
        ) -> Vector:
            raise ProviderUnavailableError("It does not answer.")

    shared = share(Away())
    with pytest.raises(ProviderUnavailableError):
        await shared.order(["a"])


async def test_whatever_a_model_raises_the_next_run_still_comes() -> None:
    class Broken(Counting):
        async def embed_batch(
            self, texts: Sequence[str], batch_size: int = 32, *, kind: EmbeddingKind = EmbeddingKind.PASSAGE
        ) -> Vector:
            if texts[0] == "broken":
                self.runs.append(list(texts))
                await self.gate.wait()
                raise ZeroDivisionError
            return await super().embed_batch(texts, batch_size, kind=kind)

    model = Broken()
    model.gate.clear()
    shared = share(model)
    broken = []
    for _ in range(2):
        broken.append(asyncio.ensure_future(shared.order(["broken"])))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    waiting = asyncio.ensure_future(shared.order(["fine"]))
    await asyncio.sleep(0)
    model.gate.set()
    async with asyncio.timeout(5):
        assert lengths(await waiting) == [4]
    for task in broken:
        with pytest.raises(ZeroDivisionError):
            await task
