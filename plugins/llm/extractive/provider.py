"""How does an answer without a model look to the router?"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

from core.errors import ProviderError
from core.text import sentences
from core.text.quotable import Sentence
from core.types import Caution, CompletionRequest, CompletionResponse, Health, PluginStatus
from plugins.interfaces import CompletionStream, PluginContext
from plugins.llm.extractive import judgement
from plugins.llm.extractive.ranking import choose, rank

MODEL = "extractive"


class ExtractiveOptions(BaseModel):
    """How much is quoted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_sentences: int = Field(default=3, ge=1, le=10)
    max_words: int = Field(default=80, ge=10, le=400)
    min_score: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Probability that the best sentence must reach to be an answer; null: as answers.caution says.",
    )
    near: float = Field(default=0.98, ge=0, le=1, description="Further sentences must reach this share of the best.")


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
        chosen: list[Sentence] = []
        confidence = judgement.probability(ranked[0], grounding) if ranked else None
        if confidence is not None and confidence >= self._least(grounding.caution):
            chosen = choose(ranked, near=options.near, limit=options.max_sentences, max_words=options.max_words)
        pieces = [_marked(sentence) for sentence in chosen]
        response = CompletionResponse(
            text="\n".join(pieces) or "NO_ANSWER",
            model=MODEL,
            token_count=0,
            input_tokens=0,
            output_tokens=0,
            latency_ms=(time.perf_counter() - started) * 1000,
            cost_usd=0.0,
            timestamp=datetime.now(UTC),
            confidence=confidence,
        )
        return _Quotes(response) if request.stream else response

    def _least(self, caution: Caution) -> float:
        """Probability from which on a sentence is stated."""
        least = self._options.min_score
        return judgement.fitted().thresholds[caution] if least is None else least


def _marked(quoted: Sentence) -> str:
    """The quote with its passage behind every sentence of it: each stands by itself."""
    said = [quoted.text[start:end] for start, end in sentences.split(quoted.text)]
    return " ".join(f"{sentence} [{quoted.passage}]" for sentence in said)


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
