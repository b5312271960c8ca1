"""How are texts embedded by any embedding class of LangChain?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from core.errors import ProviderUnavailableError
from core.types import EmbeddingKind
from plugins.embedding.batched import BatchedEmbedding, BatchedOptions
from plugins.interfaces import PluginContext
from plugins.vendors.langchain_classes import CLIENT_FIELD, LangChainOptions, build, load, own_client
from plugins.vendors.upstream import translated

if TYPE_CHECKING:
    import httpx2
    from langchain_core.embeddings import Embeddings

_PRESET = {
    "max_retries": 0,  # retrying is the caller's work
    "check_embedding_ctx_length": False,  # would fetch a tokenizer from the network; texts are in windows by then
}


class LangChainEmbeddingOptions(LangChainOptions, BatchedOptions):
    """Options of the ``langchain`` plugin for embeddings.

    Attributes:
        model: Given to the class where it has a field of that name, and recorded beside the vectors.
        timeout_s: Of one call.
    """

    model: str = Field(min_length=1)
    timeout_s: float = Field(default=60.0, gt=0, le=3600)


class LangChainEmbedding(BatchedEmbedding):
    """An embedding class, wrapped."""

    Options = LangChainEmbeddingOptions
    SERVICE = "The embedding class of LangChain"

    def __init__(self, options: LangChainEmbeddingOptions, context: PluginContext) -> None:
        del context  # the class brings its own connections
        name = options.reference.partition(":")[2]
        super().__init__(options, f"{name}/{options.model}", timeout_s=options.timeout_s)
        self._options = options
        self._model: Embeddings | None = None
        self._client: httpx2.AsyncClient | None = None

    async def close(self) -> None:
        # LangChain's classes have no way to be closed; what they hold goes with them.
        self._model = None
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _connect(self) -> None:
        self._model = await asyncio.to_thread(self._built)

    async def _embed(self, texts: Sequence[str], kind: EmbeddingKind) -> Any:
        model = self._model
        if model is None:
            raise ProviderUnavailableError(f"{self.SERVICE} was not started, or was closed.")
        prefixed = self._prefixed(texts, kind)
        with translated(self.SERVICE, foreign=True):
            if kind is EmbeddingKind.PASSAGE:
                return await model.aembed_documents(prefixed)
            return [await model.aembed_query(text) for text in prefixed]

    def _built(self) -> Embeddings:
        from langchain_core.embeddings import Embeddings

        implementation = load(self._options, Embeddings)  # type: ignore[type-abstract]  # only compared with
        self._client = own_client(implementation, self._options.timeout_s)
        named = {"model": self._options.model, "model_name": self._options.model}
        return build(implementation, self._options, {**_PRESET, **named, CLIENT_FIELD: self._client})
