"""What is particular to embedding classes of LangChain?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from core.errors import ConfigurationError, ProviderError
from core.types import EmbeddingKind
from plugins.embedding.langchain import LangChainEmbedding
from plugins.interfaces import PluginContext

HERE = "plugins.embedding.langchain.tests.embedding_classes"


async def _started(tmp_path: Path, name: str = "BlockingEmbeddings", **options: Any) -> LangChainEmbedding:
    given = {"reference": f"{HERE}:{name}", "modules": [HERE], "model": "m", **options}
    async with httpx.AsyncClient() as http:
        context = PluginContext(http=http, data_dir=tmp_path)
    embedding = LangChainEmbedding(LangChainEmbedding.Options.model_validate(given), context)
    await embedding.start()
    return embedding


async def test_questions_and_passages_take_the_classs_own_two_ways(tmp_path: Path) -> None:
    embedding = await _started(tmp_path, kwargs={"dimension": 5})
    assert embedding.get_dimension() == 5
    assert embedding.model_name == "BlockingEmbeddings/m/5"
    assert (await embedding.embed_text("pump")).tolist() == [0, 0, 0, 0, 1]
    assert (await embedding.embed_batch(["a", "b"])).tolist() == [[1, 0, 0, 0, 0]] * 2
    questions = await embedding.embed_batch(["a", "b"], kind=EmbeddingKind.QUERY)
    assert questions.tolist() == [[0, 0, 0, 0, 1]] * 2


async def test_whatever_a_class_raises_is_an_error_of_the_provider_without_our_text(tmp_path: Path) -> None:
    embedding = await _started(tmp_path, "BadEmbeddings")
    with pytest.raises(ProviderError, match="RuntimeError") as caught:
        await embedding.embed_text("confidential")
    assert "confidential" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"reference": "os:system", "modules": ["langchain_core"]}, "allowed: classes of langchain_core"),
        (
            {"reference": "langchain_core.messages:AIMessage", "modules": ["langchain_core"]},
            "not a kind of LangChain's Embeddings",
        ),
        ({"kwargs": {"length": 3}}, "does not take its arguments"),
    ],
)
async def test_wrong_options_are_named(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        await _started(tmp_path, **options)
