"""Does every embedding model keep the contract, whatever it is given and however its server behaves?

In-process models are real ones (a tiny one made here for sentence-transformers); the others are asked over the wire,
at local servers of the same protocols (``tests/servers``).
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ConfigurationError, ProviderError, ProviderRateLimitError, ProviderUnavailableError
from core.types import EmbeddingKind, PluginStatus
from plugins.embedding.langchain import LangChainEmbedding
from plugins.embedding.ollama import OllamaEmbedding
from plugins.embedding.onnx import OnnxEmbedding
from plugins.embedding.onnx.tests.tiny_e5 import install, weights_file
from plugins.embedding.openai import OpenAIEmbedding
from plugins.embedding.sentence_transformers import SentenceTransformersProvider
from plugins.framework.signatures import problems
from plugins.interfaces import EmbeddingProvider, Plugin, PluginContext
from tests.fixtures.sentence_transformer import make_sentence_transformer
from tests.servers.embeddings import DIMENSION, Embeddings
from tests.servers.model_server import Fault
from tests.servers.ollama_server import MODEL, OllamaServer
from tests.servers.openai_server import OpenAIServer

TEXTS = ["long " * 40 + "text", "a", "medium " * 12, "Wie viele Urlaubstage habe ich?", "热泵"]
ODD = ["", " \n\t", "\ud800", "\x00", "👩‍👩‍👧", "ﷺ" * 50, "e\u0301" * 30, "\u202eabc", "x" * 5000]
SAME = 0.999
SIGNS = "abcdefghijklmnopqrstuvwxyzDUWäüöß0123456789:,热泵"
needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is None,
    reason="sentence-transformers and torch are not installed (pip install 'knowledge-foundry[torch]')",
)


@dataclass(frozen=True)
class Vendor:
    """A plugin with the server of its protocol, and the options that lead to an address."""

    implementation: Any
    server: type[Embeddings]
    options: Callable[[str], dict[str, Any]]


REMOTE = {
    "openai": Vendor(
        OpenAIEmbedding, OpenAIServer, lambda a: {"api_key": "sk-test", "base_url": f"{a}/v1", "model": MODEL}
    ),
    "ollama": Vendor(OllamaEmbedding, OllamaServer, lambda a: {"api_key": "sk-test", "base_url": a, "model": MODEL}),
    "langchain": Vendor(
        LangChainEmbedding,
        OpenAIServer,
        lambda a: {
            "reference": "langchain_openai:OpenAIEmbeddings",
            "model": MODEL,
            "kwargs": {"base_url": f"{a}/v1"},
            "secret_kwargs": {"api_key": "sk-test"},
        },
    ),
}


@dataclass(frozen=True)
class Wire:
    """A remote provider, its server and how to make another one with other options."""

    provider: EmbeddingProvider
    server: Embeddings
    vendor: Vendor

    async def another(self, context: PluginContext, *, address: str = "", **options: Any) -> EmbeddingProvider:
        return await _remote(self.vendor, context, address or self.server.address, **options)


async def _remote(vendor: Vendor, context: PluginContext, address: str, **options: Any) -> EmbeddingProvider:
    given = {**vendor.options(address), "dimension": DIMENSION, "max_tokens": 32, "timeout_s": 5, **options}
    return await _started(vendor.implementation, context, given)


async def _started(implementation: Any, context: PluginContext, options: dict[str, Any]) -> EmbeddingProvider:
    provider: EmbeddingProvider = implementation(implementation.Options.model_validate(options), context)
    await provider.start()
    return provider


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def tiny_model(models: Path) -> str:
    return str(make_sentence_transformer(models))


@pytest.fixture(params=REMOTE)
async def wire(request: pytest.FixtureRequest, plugin_context: PluginContext) -> AsyncIterator[Wire]:
    vendor = REMOTE[request.param]
    async with vendor.server().running() as server:
        provider = await _remote(vendor, plugin_context, server.address)
        yield Wire(provider, server, vendor)
        await provider.close()


LOCAL = ["onnx", "onnx_multilingual", pytest.param("sentence_transformers", marks=needs_torch)]


@pytest.fixture(params=[*LOCAL, *REMOTE])
async def provider(
    request: pytest.FixtureRequest,
    plugin_context: PluginContext,
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[EmbeddingProvider]:
    if request.param in REMOTE:
        vendor = REMOTE[request.param]
        async with vendor.server().running() as server:
            made = await _remote(vendor, plugin_context, server.address)
            yield made
            await made.close()
        return
    if request.param == "onnx":
        context = PluginContext(http=plugin_context.http, data_dir=models)  # the graph is built once
        # Full precision: int8 rounds differently beside other texts.
        made = await _started(OnnxEmbedding, context, {"model": "all-MiniLM-L6-v2", "precision": "fp32"})
    elif request.param == "onnx_multilingual":
        install(tmp_path / "site", weights_file({"▁": -2.0} | dict.fromkeys(SIGNS, -5.0))[0])
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
        options = {"model": "multilingual-e5-small", "precision": "fp32"}
        made = await _started(OnnxEmbedding, plugin_context, options)
    else:
        options = {"model": request.getfixturevalue("tiny_model"), "device": "cpu"}
        made = await _started(SentenceTransformersProvider, plugin_context, options)
    yield made
    await made.close()


# -- all of them


async def test_one_text_gives_one_unit_vector_and_the_same_one_among_others(provider: EmbeddingProvider) -> None:
    assert isinstance(provider, Plugin)
    alone = await provider.embed_text("pump", kind=EmbeddingKind.PASSAGE)
    together = await provider.embed_batch(["valve", "pump"])
    assert alone.shape == (provider.get_dimension(),)
    assert alone.dtype == together.dtype == np.dtype(np.float32)
    assert float(np.linalg.norm(alone)) == pytest.approx(1, abs=1e-3)
    assert float(alone @ together[1]) > SAME


async def test_it_has_every_method_of_its_kind(provider: EmbeddingProvider) -> None:
    assert problems("embedding", provider) == []
    low, high = provider.similarity_range
    assert -1 <= low < high <= 1


async def test_no_texts_give_an_empty_matrix(provider: EmbeddingProvider) -> None:
    vectors = await provider.embed_batch([])
    assert vectors.shape == (0, provider.get_dimension())
    assert vectors.dtype == np.float32


@pytest.mark.parametrize("batch_size", [1, 2, 32])
async def test_order_of_the_texts_is_kept(provider: EmbeddingProvider, batch_size: int) -> None:
    together = await provider.embed_batch(TEXTS, batch_size)
    assert together.shape == (len(TEXTS), provider.get_dimension())
    for position, text in enumerate(TEXTS):
        alone = await provider.embed_text(text, kind=EmbeddingKind.PASSAGE)
        assert float(alone @ together[position]) > SAME
        assert int(np.argmax(together @ alone)) == position


@pytest.mark.parametrize(
    "provider",
    [
        pytest.param("onnx", marks=pytest.mark.slow),
        "onnx_multilingual",
        pytest.param("sentence_transformers", marks=needs_torch),
        *REMOTE,
    ],
    indirect=True,
)
async def test_ten_thousand_texts_come_back_in_order(provider: EmbeddingProvider) -> None:
    words = ["pump", "valve", "holiday", "refund", "boiler", "invoice", "train"]
    vectors = await provider.embed_batch([words[i % len(words)] for i in range(10_000)], 256)
    assert vectors.shape == (10_000, provider.get_dimension())
    alone = await provider.embed_batch(words)
    assert (np.argmax(vectors @ alone.T, axis=1) == np.arange(10_000) % len(words)).all()


async def test_any_signs_give_unit_vectors(provider: EmbeddingProvider) -> None:
    vectors = await provider.embed_batch(ODD)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    for text in ODD[:4]:
        assert np.linalg.norm(await provider.embed_text(text)) == pytest.approx(1, abs=1e-3)


async def test_end_of_a_text_beyond_the_window_counts(provider: EmbeddingProvider) -> None:
    start = "maintenance pump " * (provider.max_tokens + 10)
    vectors = await provider.embed_batch([start, start + "vacation policy " * provider.max_tokens])
    assert float(vectors[0] @ vectors[1]) < 0.999


async def test_tokens_lie_in_the_text_one_after_the_other_and_leave_no_sign_out(provider: EmbeddingProvider) -> None:
    text = "Übergröße: 12,5 mm, 热泵 and naïve Donaudampfschifffahrt 1234567"
    spans = provider.token_spans(text)
    covered = {position for start, end in spans for position in range(start, end)}
    assert all(position in covered for position, sign in enumerate(text) if not sign.isspace())
    assert spans == sorted(spans)
    assert provider.token_spans("") == []
    assert provider.max_tokens > 0


async def test_cancelling_returns_at_once(provider: EmbeddingProvider) -> None:
    task = asyncio.create_task(provider.embed_batch(["word " * 100] * 300))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert np.isfinite(await provider.embed_text("still there")).all()


async def test_health_is_told_before_and_after_closing_and_never_raised(provider: EmbeddingProvider) -> None:
    assert (await provider.health_check()).status is PluginStatus.HEALTHY
    assert provider.model_name
    await provider.close()
    await provider.close()
    gone = await provider.health_check()
    assert gone.status is PluginStatus.BROKEN
    assert "not" in gone.detail
    with pytest.raises(ProviderUnavailableError):
        await provider.embed_text("a")


# -- over the wire


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.RATE_LIMITED, ProviderRateLimitError),
        (Fault.BROKEN, ProviderUnavailableError),
        (Fault.SILENT, ProviderUnavailableError),
        (Fault.BAD_KEY, ProviderError),
        (Fault.REDIRECTED, ProviderError),
        (Fault.NONSENSE, ProviderError),
    ],
)
async def test_failure_of_the_server_is_raised_in_our_words(
    wire: Wire, plugin_context: PluginContext, fault: Fault, expected: type[ProviderError]
) -> None:
    provider = await wire.another(plugin_context, timeout_s=0.3 if fault is Fault.SILENT else 10.0)
    wire.server.fault = fault
    with pytest.raises(expected) as caught:
        await provider.embed_batch(["confidential"])
    assert type(caught.value) is expected
    assert "confidential" not in str(caught.value)
    assert wire.server.opened == 1, "retrying is the caller's work"
    if isinstance(caught.value, ProviderRateLimitError):
        assert caught.value.retry_after_s == 7
    await provider.close()


async def test_first_failure_ends_the_other_calls_of_the_batch(wire: Wire, plugin_context: PluginContext) -> None:
    provider = await wire.another(plugin_context, concurrency=2)
    wire.server.fault = Fault.BROKEN
    with pytest.raises(ProviderUnavailableError):
        await provider.embed_batch(["text"] * 100, 1)
    assert wire.server.opened <= 3
    await provider.close()


async def test_calls_beside_each_other_stay_within_the_limit(wire: Wire, plugin_context: PluginContext) -> None:
    provider = await wire.another(plugin_context, concurrency=3)
    await provider.embed_batch([f"text {i}" for i in range(60)], 2)
    assert 1 < wire.server.at_once <= 3
    assert wire.server.opened == 30
    await provider.close()


@pytest.mark.parametrize(
    "nonsense",
    [
        {},
        {"data": [], "embeddings": []},
        {"data": None, "embeddings": None},
        {"data": [{"index": 0, "embedding": [0.0] * DIMENSION}], "embeddings": [[0.0] * DIMENSION]},
        {"data": [{"index": 0, "embedding": ["x"] * DIMENSION}], "embeddings": [["x"] * DIMENSION]},
        {"data": [{"index": 0, "embedding": [1.0]}] * 2, "embeddings": [[1.0], [1.0]]},
        {"data": [{"index": 0, "embedding": None}], "embeddings": [[None] * DIMENSION]},
    ],
    ids=["nothing", "none", "null", "zeros", "words", "too many", "no numbers"],
)
async def test_answer_that_is_not_a_vector_for_each_text_is_an_error_of_the_provider(
    wire: Wire, nonsense: dict[str, Any]
) -> None:
    wire.server.nonsense = nonsense
    with pytest.raises(ProviderError) as caught:
        await wire.provider.embed_batch(["text"])
    assert not caught.value.retryable
    assert (await wire.provider.health_check()).status is PluginStatus.BROKEN


async def test_vectors_of_another_length_than_configured_are_refused_with_both_numbers(wire: Wire) -> None:
    wire.server.dimension = DIMENSION + 8
    with pytest.raises(ConfigurationError, match=f"dimension: found {DIMENSION}; .* {DIMENSION + 8}"):
        await wire.provider.embed_batch(["text"])
    health = await wire.provider.health_check()
    assert health.status is PluginStatus.BROKEN
    assert str(DIMENSION + 8) in health.detail


async def test_dimension_that_is_not_configured_is_asked_for_at_the_start(
    wire: Wire, plugin_context: PluginContext
) -> None:
    provider = await wire.another(plugin_context, dimension=0)
    assert provider.get_dimension() == DIMENSION
    with pytest.raises(ProviderUnavailableError):
        await wire.another(plugin_context, address="http://127.0.0.1:9", dimension=0)
    await provider.close()


async def test_server_that_is_away_is_told_by_the_health_check_not_by_the_start(
    wire: Wire, plugin_context: PluginContext
) -> None:
    provider = await wire.another(plugin_context, address="http://127.0.0.1:9")
    health = await provider.health_check()
    assert health.status is PluginStatus.BROKEN
    assert "does not answer" in health.detail
    await provider.close()


async def test_questions_and_passages_get_their_prefixes_and_the_name_tells_them_apart(
    wire: Wire, plugin_context: PluginContext
) -> None:
    provider = await wire.another(plugin_context, query_prefix="query: ", passage_prefix="passage: ")
    await provider.embed_text("pump")
    await provider.embed_batch(["pump"])
    sent = [body["input"] for body in wire.server.bodies]
    assert [text if isinstance(text, str) else text[0] for text in sent] == ["query: pump", "passage: pump"]
    assert provider.model_name != wire.provider.model_name
    assert provider.max_tokens < wire.provider.max_tokens
    await provider.close()


async def test_key_is_sent_and_text_longer_than_the_window_never_is(wire: Wire) -> None:
    await wire.provider.embed_batch(["abcd " * 100])
    assert wire.server.headers["authorization"] == "Bearer sk-test"
    sent = [text for body in wire.server.bodies for text in body["input"]]
    assert len(sent) > 1
    assert all(len(wire.provider.token_spans(text)) <= wire.provider.max_tokens for text in sent)


async def test_cancelling_ends_the_call_at_the_server(wire: Wire) -> None:
    wire.server.fault = Fault.SILENT
    task = asyncio.create_task(wire.provider.embed_batch(["text"]))
    await wire.server.until_opened(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await wire.server.until_cancelled(1)
