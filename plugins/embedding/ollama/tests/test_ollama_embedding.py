"""What is particular to embeddings of Ollama?"""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from core.errors import ProviderError
from plugins.embedding.ollama import OllamaEmbedding
from plugins.interfaces import PluginContext
from tests.servers.embeddings import DIMENSION
from tests.servers.ollama_server import MODEL, WINDOW, OllamaServer


async def test_text_that_the_model_cannot_read_whole_is_refused_not_cut_off(tmp_path: Path) -> None:
    async with OllamaServer().running() as server, httpx.AsyncClient() as http:
        options = {"base_url": server.base_url, "model": MODEL, "dimension": DIMENSION, "max_tokens": 10_000}
        context = PluginContext(http=http, data_dir=tmp_path)
        embedding = OllamaEmbedding(OllamaEmbedding.Options.model_validate(options), context)
        await embedding.start()
        await embedding.embed_text("x" * WINDOW)
        with pytest.raises(ProviderError, match="max_tokens") as caught:
            await embedding.embed_text("x" * (WINDOW + 1))
        assert not caught.value.retryable


async def test_model_that_was_not_pulled_is_named_with_the_command(tmp_path: Path) -> None:
    async with OllamaServer().running() as server, httpx.AsyncClient() as http:
        options = {"base_url": server.base_url, "model": "nomic-embed-text", "dimension": DIMENSION}
        context = PluginContext(http=http, data_dir=tmp_path)
        embedding = OllamaEmbedding(OllamaEmbedding.Options.model_validate(options), context)
        await embedding.start()
        assert "ollama pull nomic-embed-text" in (await embedding.health_check()).detail
