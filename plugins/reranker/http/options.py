"""What can be set for a rerank service?"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class HttpRerankerOptions(BaseModel):
    """Options of the ``http`` plugin.

    Attributes:
        url: Address of the service, without the path.
        shape: ``tei`` for Text Embeddings Inference; ``cohere`` for Cohere and those that follow it.
        path: Empty: ``/rerank`` for tei, ``/v2/rerank`` for cohere. Jina: ``/v1/rerank``.
        model: Needed by ``cohere``; a TEI server has one model only.
        batch_limit: Passages in one request; more are split and merged. 0: 32 for tei, 1000 for cohere.
        concurrency: Requests at the same time for one question.
        timeout_s: For all candidates of a question; then the search order stands.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(pattern=r"^https?://[^\s/@]+(/\S*)?$")
    shape: Literal["tei", "cohere"]
    path: str = Field(default="", pattern=r"^(/\S*)?$")
    model: str = ""
    api_key: SecretStr = SecretStr("")
    batch_limit: int = Field(default=0, ge=0, le=10_000)
    concurrency: int = Field(default=4, ge=1, le=64)
    timeout_s: float = Field(default=10.0, gt=0, le=600)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.shape == "cohere" and not self.model:
            raise ValueError("model: the shape cohere needs one")
        return self
