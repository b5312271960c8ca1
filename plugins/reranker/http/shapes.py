"""What is sent to a rerank service of each shape, and what comes back?

TEI: ``POST /rerank`` with query, texts, truncate → ``[{index, score}]`` (Text Embeddings Inference 1.x).
Cohere: ``POST /v2/rerank`` with model, query, documents, top_n → ``{results: [{index, relevance_score}]}`` (API v2);
Jina, vLLM, Voyage-like gateways and LiteLLM answer the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, Field, FiniteFloat, TypeAdapter


class Shape(Protocol):
    """One service's words."""

    @property
    def path(self) -> str:
        """Where questions go."""

    @property
    def health_path(self) -> str:
        """What answers whether the service is there, without cost."""

    @property
    def batch_limit(self) -> int:
        """Passages a service takes at once unless it was set up otherwise."""

    def asked(self, query: str, texts: Sequence[str], top_n: int) -> Mapping[str, object]:
        """Body of a request."""

    def read(self, body: bytes) -> list[tuple[int, float]]:
        """(position, score) of each result; pydantic.ValidationError for anything else."""


class _TeiRank(BaseModel):
    index: int = Field(ge=0)
    score: FiniteFloat


class _CohereRank(BaseModel):
    index: int = Field(ge=0)
    relevance_score: FiniteFloat


class _CohereAnswer(BaseModel):
    results: list[_CohereRank]


_TEI_ANSWER: TypeAdapter[list[_TeiRank]] = TypeAdapter(list[_TeiRank])


@dataclass(frozen=True, slots=True)
class TeiShape:
    """Text Embeddings Inference; ``truncate`` cuts what is longer than the model's window."""

    path: str = "/rerank"
    health_path: str = "/health"
    batch_limit: int = 32

    def asked(self, query: str, texts: Sequence[str], top_n: int) -> Mapping[str, object]:
        del top_n  # it always ranks all
        return {"query": query, "texts": list(texts), "truncate": True, "raw_scores": False, "return_text": False}

    def read(self, body: bytes) -> list[tuple[int, float]]:
        return [(rank.index, rank.score) for rank in _TEI_ANSWER.validate_json(body)]


@dataclass(frozen=True, slots=True)
class CohereShape:
    """Cohere; long documents are cut by the service."""

    model: str
    path: str = "/v2/rerank"
    health_path: str = "/v1/models"
    batch_limit: int = 1000

    def asked(self, query: str, texts: Sequence[str], top_n: int) -> Mapping[str, Any]:
        return {"model": self.model, "query": query, "documents": list(texts), "top_n": top_n}

    def read(self, body: bytes) -> list[tuple[int, float]]:
        return [(rank.index, rank.relevance_score) for rank in _CohereAnswer.model_validate_json(body).results]
