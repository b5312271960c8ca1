"""Does the ONNX graph compute what the weights say, in order, for any text?"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from safetensors.numpy import load_file

from core.errors import ProviderUnavailableError
from core.types import EmbeddingKind, Vector
from plugins.embedding.onnx import OnnxEmbedding
from plugins.embedding.onnx.encoders import DIMENSION, MINILM_PACKAGE, package_file
from plugins.embedding.onnx.provider import UNPADDED_FROM, _batches
from plugins.interfaces import PluginContext

TEXTS = ["The boiler needs service every 2,000 hours.", "Wie viele Urlaubstage habe ich?", "热泵", "x"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


async def started(models: Path, **options: object) -> OnnxEmbedding:
    context = PluginContext(http=httpx.AsyncClient(), data_dir=models)
    embedding = OnnxEmbedding(OnnxEmbedding.Options.model_validate({"model": "all-MiniLM-L6-v2"} | options), context)
    await embedding.start()
    return embedding


@pytest.fixture
async def embedding(models: Path) -> AsyncIterator[OnnxEmbedding]:
    provider = await started(models)
    yield provider
    await provider.close()


def reference(text: str, embedding: OnnxEmbedding) -> Vector:
    """The encoder written out with numpy, straight from the weights."""
    w = load_file(package_file(MINILM_PACKAGE, "model.safetensors"))
    windows, _ = embedding._windows([text], EmbeddingKind.PASSAGE)
    ids = windows[0]

    def norm(x: Vector, name: str) -> Vector:
        mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        scaled: Vector = (x - mean) / np.sqrt(var + 1e-12) * w[f"{name}.weight"] + w[f"{name}.bias"]
        return scaled

    def dense(x: Vector, name: str) -> Vector:
        product: Vector = x @ w[f"{name}.weight"].T + w[f"{name}.bias"]
        return product

    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.token_type_embeddings.weight"][0]
    x = norm(x + w["embeddings.position_embeddings.weight"][: len(ids)], "embeddings.LayerNorm")
    erf = np.vectorize(math.erf)
    for i in range(6):
        p = f"encoder.layer.{i}"
        q, k, v = (
            dense(x, f"{p}.attention.self.{part}").reshape(len(ids), 12, 32).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(32)
        share = np.exp(scores - scores.max(-1, keepdims=True))
        attended = (share / share.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(ids), 384)
        x = norm(dense(attended, f"{p}.attention.output.dense") + x, f"{p}.attention.output.LayerNorm")
        h = dense(x, f"{p}.intermediate.dense")
        h = h * 0.5 * (1 + erf(h / math.sqrt(2)))
        x = norm(dense(h, f"{p}.output.dense") + x, f"{p}.output.LayerNorm")
    mean = x.mean(0)
    unit: Vector = (mean / np.linalg.norm(mean)).astype(np.float32)
    return unit


@pytest.mark.parametrize(("precision", "floor"), [("fp32", 0.9999), ("int8", 0.97)])
async def test_vectors_agree_with_the_weights(models: Path, precision: str, floor: float) -> None:
    embedding = await started(models, precision=precision)
    vectors = await embedding.embed_batch(TEXTS)
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert float(vector @ reference(text, embedding)) > floor


async def test_results_keep_the_order_of_the_texts(embedding: OnnxEmbedding) -> None:
    together = await embedding.embed_batch(["long " * 60, "a", "medium " * 20])
    alone = [await embedding.embed_text(text) for text in ("long " * 60, "a", "medium " * 20)]
    assert [int(np.argmax(together @ vector)) for vector in alone] == [0, 1, 2]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("words", [5, UNPADDED_FROM])
async def test_a_text_gets_the_same_vector_padded_or_not(models: Path, words: int, threads: int) -> None:
    embedding = await started(models, precision="fp32", threads=threads)
    texts = [" ".join(["pump"] * (words + extra)) for extra in (0, 3, 0, 7, 3)]
    together = await embedding.embed_batch(texts)
    alone = [await embedding.embed_text(text) for text in texts]
    assert np.allclose(together, alone, atol=1e-4)


def test_each_window_is_in_one_batch_and_long_ones_are_not_padded() -> None:
    lengths = [256, 3, 256, 130, 9, 131, 256, UNPADDED_FROM - 1, 8, 130] * 7
    batches = list(_batches(lengths, 4))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert max(len(batch) for batch in batches) == 4
    for batch in batches:
        inside = [lengths[i] for i in batch]
        assert max(inside) < UNPADDED_FROM or len(set(inside)) == 1
    longest = [max(lengths[i] for i in batch) for batch in batches]
    assert longest == sorted(longest, reverse=True)


async def test_a_closed_model_is_named_as_such(embedding: OnnxEmbedding) -> None:
    await embedding.close()
    with pytest.raises(ProviderUnavailableError, match="not loaded"):
        await embedding.embed_batch(["a", "b"])


async def test_no_texts_give_an_empty_matrix(embedding: OnnxEmbedding) -> None:
    assert (await embedding.embed_batch([])).shape == (0, DIMENSION)


async def test_any_characters_give_unit_vectors(embedding: OnnxEmbedding) -> None:
    vectors = await embedding.embed_batch(["", "\ud800", "\x00", "👩‍👩‍👧", "ﷺ" * 50, " \n\t"])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)


async def test_text_beyond_the_window_is_not_cut_off(embedding: OnnxEmbedding) -> None:
    start = "maintenance of the pump " * 80
    with_end = await embedding.embed_text(start + "vacation policy for employees " * 60)
    assert float(with_end @ await embedding.embed_text(start)) < 0.95
    assert float(with_end @ await embedding.embed_text("vacation policy for employees")) > 0.15


async def test_token_spans_point_into_the_text(embedding: OnnxEmbedding) -> None:
    text = "Übergröße: 12,5 mm"
    spans = embedding.token_spans(text)
    assert "".join(text[a:b] for a, b in spans) == text.replace(" ", "")


@pytest.mark.parametrize("text", ["பம்பு பராமரிப்பு", "การบำรุงรักษาปั๊ม", "ტუმბოს მოვლა"])
async def test_words_in_letters_it_never_saw_are_as_many_tokens_as_they_have_signs(
    embedding: OnnxEmbedding, text: str
) -> None:
    spans = embedding.token_spans(text)
    assert spans == sorted(set(spans))
    assert len(spans) > 0.7 * len(text.replace(" ", ""))


async def test_cancelling_returns_at_once(embedding: OnnxEmbedding) -> None:
    task = asyncio.create_task(embedding.embed_batch(["word " * 200] * 400))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_health_says_when_nothing_is_loaded(models: Path) -> None:
    context = PluginContext(http=httpx.AsyncClient(), data_dir=models)
    provider = OnnxEmbedding(OnnxEmbedding.Options(), context)
    assert (await provider.health_check()).status == "broken"
    await provider.start()
    assert (await provider.health_check()).status == "healthy"
