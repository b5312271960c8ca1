"""Which embedding classes of LangChain does nobody ship? Small real ones, for the corners of the adapter."""

from __future__ import annotations

from langchain_core.embeddings import Embeddings


class BlockingEmbeddings(Embeddings):
    """Knows only blocking calls, and embeds questions unlike passages."""

    def __init__(self, dimension: int = 4) -> None:
        self._dimension = dimension

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[float(len(text)), *[0.0] * (self._dimension - 1)] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return [*[0.0] * (self._dimension - 1), float(len(text))]


class BadEmbeddings(BlockingEmbeddings):
    """Raises something of its own."""

    def embed_query(self, text: str) -> list[float]:
        raise RuntimeError(f"secret text: {text}")
