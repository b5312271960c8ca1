"""What is particular to embeddings with OpenAI's protocol?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from core.errors import ConfigurationError, ProviderError
from plugins.embedding.onnx.encoders import MINILM_PACKAGE, package_file
from plugins.embedding.openai import OpenAIEmbedding
from plugins.interfaces import PluginContext
from tests.servers.embeddings import DIMENSION
from tests.servers.openai_server import OpenAIServer


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer().running() as running:
        yield running


def _embedding(tmp_path: Path, **options: Any) -> OpenAIEmbedding:
    context = PluginContext(http=httpx.AsyncClient(), data_dir=tmp_path)
    return OpenAIEmbedding(OpenAIEmbedding.Options.model_validate(options), context)


async def _started(tmp_path: Path, server: OpenAIServer, **options: Any) -> OpenAIEmbedding:
    embedding = _embedding(tmp_path, base_url=server.base_url, **{"dimension": DIMENSION, **options})
    await embedding.start()
    return embedding


async def test_index_decides_which_vector_belongs_to_which_text(server: OpenAIServer, tmp_path: Path) -> None:
    embedding = await _started(tmp_path, server)
    texts = ["pump", "valve", "boiler"]
    in_order = await embedding.embed_batch(texts)
    server.reversed = True
    assert np.allclose(await embedding.embed_batch(texts), in_order)
    await embedding.close()


async def test_shorter_vectors_are_asked_for_and_unit_length_again(server: OpenAIServer, tmp_path: Path) -> None:
    embedding = await _started(tmp_path, server, dimension=8, shorten=True)
    vector = await embedding.embed_text("pump")
    assert vector.shape == (8,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert server.bodies[0]["dimensions"] == 8
    await embedding.close()
    with pytest.raises(ConfigurationError, match="shorten"):
        _embedding(tmp_path, base_url=server.base_url, shorten=True)


async def test_no_dimension_is_sent_unless_asked_to_shorten(server: OpenAIServer, tmp_path: Path) -> None:
    embedding = await _started(tmp_path, server)
    await embedding.embed_text("pump")
    assert "dimensions" not in server.bodies[0]
    await embedding.close()


async def test_text_without_a_sign_is_sent_as_something_the_server_accepts(
    server: OpenAIServer, tmp_path: Path
) -> None:
    embedding = await _started(tmp_path, server)
    await embedding.embed_batch(["", " \n"])
    assert server.bodies[0]["input"] == [".", "."]
    await embedding.close()


def test_openai_itself_needs_a_key_and_its_dimensions_are_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        _embedding(tmp_path)
    embedding = _embedding(tmp_path, api_key="sk", model="text-embedding-3-large")
    assert embedding.get_dimension() == 3072
    assert embedding.model_name == "openai/text-embedding-3-large/3072"


async def test_dimension_is_not_known_before_the_start(server: OpenAIServer, tmp_path: Path) -> None:
    embedding = _embedding(tmp_path, base_url=server.base_url)
    with pytest.raises(ProviderError, match="not started"):
        embedding.get_dimension()


async def test_tokenizer_file_replaces_the_estimate(server: OpenAIServer, tmp_path: Path) -> None:
    file = package_file(MINILM_PACKAGE, "tokenizer.json")
    exact = await _started(tmp_path, server, tokenizer_file=str(file), max_tokens=32, passage_prefix="passage: ")
    text = "Documentation of the boiler"
    assert [text[a:b] for a, b in exact.token_spans(text)] == ["Documentation", "of", "the", "boiler"]
    assert exact.max_tokens == 30, "the prefix has two tokens"
    await exact.close()
    with pytest.raises(ConfigurationError, match=r"tokenizer\.json"):
        await _started(tmp_path, server, tokenizer_file=str(tmp_path / "absent.json"))


async def test_prefix_that_fills_the_window_is_refused(server: OpenAIServer, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="prefix"):
        await _started(tmp_path, server, max_tokens=32, query_prefix="word " * 40)


def test_importing_the_plugins_does_not_import_a_library() -> None:
    names = ("openai", "langchain_core", "torch", "sentence_transformers", "tokenizers")
    modules = "openai", "ollama", "langchain", "sentence_transformers"
    imported = ", ".join(f"plugins.embedding.{name}" for name in modules)
    code = f"import sys, {imported}; print(*(set({names}) & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []
