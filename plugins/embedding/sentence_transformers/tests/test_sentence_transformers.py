"""What is particular to models of sentence-transformers?"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from core.errors import ConfigurationError
from core.types import EmbeddingKind
from plugins.embedding.sentence_transformers import SentenceTransformersProvider
from plugins.interfaces import PluginContext
from tests.fixtures.sentence_transformer import DIMENSION, WINDOW, make_sentence_transformer

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is None,
    reason="sentence-transformers and torch are not installed (pip install 'knowledge-foundry[torch]')",
)


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tiny")
    return str(make_sentence_transformer(folder, prompts={"query": "question: ", "document": "passage: "}))


async def _started(tmp_path: Path, **options: Any) -> SentenceTransformersProvider:
    async with httpx.AsyncClient() as http:
        context = PluginContext(http=http, data_dir=tmp_path)
    given = {"device": "cpu", **options}
    embedding = SentenceTransformersProvider(SentenceTransformersProvider.Options.model_validate(given), context)
    await embedding.start()
    return embedding


async def test_missing_extra_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)  # importing it fails
    with pytest.raises(ConfigurationError, match=r"pip install 'knowledge-foundry\[torch\]'"):
        await _started(tmp_path, model_name="any")


@needs_torch
async def test_vectors_are_the_librarys_own(tmp_path: Path, tiny_model: str) -> None:
    from sentence_transformers import SentenceTransformer

    embedding = await _started(tmp_path, model_name=tiny_model)
    texts = ["The boiler needs service.", "a"]
    library = SentenceTransformer(tiny_model, device="cpu")
    passages = library.encode_document(texts, normalize_embeddings=True)
    assert np.allclose(await embedding.embed_batch(texts), passages, atol=1e-5)
    questions = library.encode_query(texts, normalize_embeddings=True)
    assert np.allclose(await embedding.embed_batch(texts, kind=EmbeddingKind.QUERY), questions, atol=1e-5)
    assert not np.allclose(passages, questions, atol=1e-3)


@needs_torch
async def test_prefixes_of_the_options_replace_the_models_own(tmp_path: Path, tiny_model: str) -> None:
    own = await _started(tmp_path, model_name=tiny_model)
    none = await _started(tmp_path, model_name=tiny_model, query_prefix="", passage_prefix="")
    question = await none.embed_text("pump")
    assert float(question @ await none.embed_text("pump", kind=EmbeddingKind.PASSAGE)) == pytest.approx(1, abs=1e-5)
    assert float(question @ await own.embed_text("pump")) < 0.999
    assert own.model_name != none.model_name


@needs_torch
async def test_window_and_tokens_are_the_models(tmp_path: Path, tiny_model: str) -> None:
    embedding = await _started(tmp_path, model_name=tiny_model, query_prefix="", passage_prefix="")
    assert embedding.max_tokens == WINDOW - 2
    text = "Documentation of the boiler"
    assert [text[a:b] for a, b in embedding.token_spans(text)] == ["Documentation", "of", "the", "boiler"]
    assert len(embedding.token_spans("pump " * 100)) == 100


@needs_torch
async def test_wrong_dimension_stops_the_start(tmp_path: Path, tiny_model: str) -> None:
    with pytest.raises(ConfigurationError, match=f"dimension: found 99; .* {DIMENSION}"):
        await _started(tmp_path, model_name=tiny_model, dimension=99)


@needs_torch
async def test_model_that_is_not_here_is_not_fetched_unless_allowed(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="download: true"):
        await _started(tmp_path, model_name="nobody/no-such-model")
