"""How are texts embedded by OpenAI, or by any server with its protocol?

Protocol: ``POST {base_url}/embeddings``, vectors as base64 or as numbers, each with the index of its text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from core.errors import ConfigurationError, ProviderUnavailableError
from core.types import EmbeddingKind
from plugins.embedding.batched import BatchedEmbedding, BatchedOptions
from plugins.interfaces import PluginContext
from plugins.vendors.upstream import translated

if TYPE_CHECKING:
    from openai import AsyncOpenAI

VENDOR_HOST = "api.openai.com"
_KNOWN_DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}


class OpenAIEmbeddingOptions(BatchedOptions):
    """Options of the ``openai`` plugin for embeddings.

    Attributes:
        api_key: May be empty for servers that want none, never for OpenAI's own.
        shorten: Ask for vectors of ``dimension``, where the model can shorten its own (text-embedding-3).
        timeout_s: Of one call.
    """

    api_key: SecretStr = SecretStr("")
    base_url: str = Field(default=f"https://{VENDOR_HOST}/v1", pattern=r"^https?://[^\s/]+\S*$")
    model: str = Field(default="text-embedding-3-small", min_length=1)
    shorten: bool = False
    max_tokens: int = Field(default=8191, ge=32, le=1_000_000)
    timeout_s: float = Field(default=60.0, gt=0, le=3600)


class OpenAIEmbedding(BatchedEmbedding):
    """Embeddings through the official client."""

    Options = OpenAIEmbeddingOptions
    SERVICE = "The embedding server"

    def __init__(self, options: OpenAIEmbeddingOptions, context: PluginContext) -> None:
        del context  # the official client needs an HTTP client of its own kind
        is_vendor = urlsplit(options.base_url).hostname == VENDOR_HOST
        if is_vendor and not options.api_key.get_secret_value():
            raise ConfigurationError("api_key: found nothing; OpenAI needs a key.", next_step="Set OPENAI_API_KEY.")
        if options.shorten and not options.dimension:
            raise ConfigurationError("shorten: `dimension` must say how long the vectors shall be.")
        super().__init__(options, f"openai/{options.model}", timeout_s=options.timeout_s)
        if is_vendor:
            self._dimension = options.dimension or _KNOWN_DIMENSIONS.get(options.model, 0)
        self._options = options
        self._client: AsyncOpenAI | None = None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _connect(self) -> None:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        # No redirects: they would carry passages to a host that nobody agreed to. Retrying is the caller's work.
        self._client = AsyncOpenAI(
            api_key=self._options.api_key.get_secret_value() or "none",
            base_url=self._options.base_url,
            timeout=self._options.timeout_s,
            max_retries=0,
            http_client=DefaultAsyncHttpxClient(follow_redirects=False, timeout=self._options.timeout_s),
        )

    async def _embed(self, texts: Sequence[str], kind: EmbeddingKind) -> Any:
        if self._client is None:
            raise ProviderUnavailableError(f"{self.SERVICE} was not started, or was closed.")
        shorter: dict[str, Any] = {"dimensions": self._dimension} if self._options.shorten else {}
        # Foreign: the client raises a bare ValueError for an answer without vectors.
        with translated(self.SERVICE, foreign=True):
            answer = await self._client.embeddings.create(
                model=self._options.model, input=self._prefixed(texts, kind), **shorter
            )
            found = sorted(answer.data, key=lambda item: item.index)
            return [item.embedding for item in found]
