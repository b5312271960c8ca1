"""How are texts embedded by Ollama?

Protocol: ``POST /api/embed`` with the texts as a list; ``truncate: false``, so that a text that is too long is an
error rather than cut off without a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field, SecretStr

from core.errors import ProviderUnavailableError
from core.types import EmbeddingKind
from plugins.embedding.batched import BatchedEmbedding, BatchedOptions
from plugins.interfaces import PluginContext
from plugins.vendors.ollama_server import EMBED, SERVICE, OllamaServer


class OllamaEmbeddingOptions(BatchedOptions):
    """Options of the ``ollama`` plugin for embeddings.

    Attributes:
        api_key: Only for a proxy in front of Ollama that wants a bearer token.
        keep_alive: How long the model stays in memory after a call, in Ollama's words (``10m``, ``-1`` for ever).
        timeout_s: Of one call; loading the model counts.
    """

    api_key: SecretStr = SecretStr("")
    base_url: str = Field(default="http://127.0.0.1:11434", pattern=r"^https?://[^\s/]+\S*$")
    model: str = Field(min_length=1)
    concurrency: int = Field(default=1, ge=1, le=64)
    keep_alive: str = Field(default="10m", pattern=r"^-?\d+(\.\d+)?(ms|s|m|h)?$")
    timeout_s: float = Field(default=120.0, gt=0, le=3600)


class OllamaEmbedding(BatchedEmbedding):
    """Embedding models that somebody runs at home."""

    Options = OllamaEmbeddingOptions
    SERVICE = SERVICE

    def __init__(self, options: OllamaEmbeddingOptions, context: PluginContext) -> None:
        super().__init__(options, f"ollama/{options.model}", timeout_s=options.timeout_s)
        self._options = options
        self._context = context
        self._server: OllamaServer | None = None

    async def close(self) -> None:
        self._server = None

    async def _connect(self) -> None:
        options = self._options
        key = options.api_key.get_secret_value()
        self._server = OllamaServer(self._context.http, options.base_url, key, options.timeout_s)

    async def _embed(self, texts: Sequence[str], kind: EmbeddingKind) -> Any:
        if self._server is None:
            raise ProviderUnavailableError(f"{SERVICE} was not started, or was closed.")
        body = {
            "model": self._options.model,
            "input": self._prefixed(texts, kind),
            "truncate": False,
            "keep_alive": self._options.keep_alive,
        }
        return (await self._server.posted(EMBED, body)).get("embeddings")
