"""How does an answer without a model look to the router?"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

from core.errors import ProviderError
from core.types import CompletionRequest, CompletionResponse, Health, PluginStatus
from plugins.interfaces import CompletionStream, PluginContext
from plugins.llm.extractive.ranking import choose, rank

MODEL = "extractive"


class ExtractiveOptions(BaseModel):
    """How much is quoted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_sentences: int = Field(default=3, ge=1, le=10)
    max_words: int = Field(default=80, ge=10, le=400)
    min_score: float = Field(
        default=0.5, ge=0, le=1, description="The best sentence must reach this, or there is no answer."
    )
    near: float = Field(default=0.9, ge=0, le=1, description="Further sentences must reach this share of the best.")


class ExtractiveProvider:
    """Quotes the evidence."""

    Options = ExtractiveOptions

    def __init__(self, options: ExtractiveOptions, context: PluginContext) -> None:
        self._options = options
        self._embedding = context.embedding

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to release."""

    async def health_check(self) -> Health:
        return Health(PluginStatus.HEALTHY, "No model: answers are quotes.")

    def calculate_cost(self, input_tokens: int, output_tokens: int, model: str) -> float:
        return 0.0

    def get_supported_models(self) -> tuple[str, ...]:
        return (MODEL,)

    async def complete(self, request: CompletionRequest) -> CompletionResponse | CompletionStream:
        started = time.perf_counter()
        grounding = request.grounding
        if grounding is None:
            raise ProviderError("Without a model only questions about passages can be answered.")
        ranked = await rank(grounding, self._embedding)
        options = self._options
        chosen = choose(
            ranked,
            min_score=options.min_score,
            near=options.near,
            limit=options.max_sentences,
            max_words=options.max_words,
        )
        pieces = [f"{sentence.text} [{sentence.passage}]" for sentence in chosen]
        response = CompletionResponse(
            text="\n".join(pieces) or "NO_ANSWER",
            model=MODEL,
            token_count=0,
            input_tokens=0,
            output_tokens=0,
            latency_ms=(time.perf_counter() - started) * 1000,
            cost_usd=0.0,
            timestamp=datetime.now(UTC),
        )
        return _Quotes(response) if request.stream else response


class _Quotes:
    """The answer line by line."""

    def __init__(self, response: CompletionResponse) -> None:
        self._response = response
        self._ended = False

    async def __aiter__(self) -> AsyncIterator[str]:
        for line in self._response.text.splitlines(keepends=True):
            if self._ended:
                return
            yield line
        self._ended = True

    async def aclose(self) -> None:
        self._ended = True

    @property
    def response(self) -> CompletionResponse:
        if not self._ended:
            raise RuntimeError("the stream has not ended")
        return self._response
