"""How does an answer look that quotes, as bullets, the sentences with most of the question's words?

A whole third-party language model plugin in one file. It sends nothing anywhere and needs nothing but the contract.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

from core.types import CompletionRequest, CompletionResponse, Grounding, Health, PluginStatus
from plugins.interfaces import CompletionStream, PluginContext

MODEL = "foundry-bullets"
REFUSED = "NO_ANSWER"
"""What a model says when the passages do not hold the answer; the application turns it into a refusal."""


class BulletsOptions(BaseModel):
    """What can be set under ``config`` in the YAML; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bullets: int = Field(default=2, ge=1, le=10, description="How many sentences are quoted at most.")
    min_share: float = Field(default=0.6, gt=0, le=1, description="Share of the question's words a sentence must have.")


class Bullets:
    """Quotes with marks."""

    Options = BulletsOptions

    def __init__(self, options: BulletsOptions, context: PluginContext) -> None:
        self._options = options
        del context

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to release."""

    async def health_check(self) -> Health:
        return Health(PluginStatus.HEALTHY, "Answers are quotes as bullets.")

    def get_supported_models(self) -> tuple[str, ...]:
        return (MODEL,)

    def calculate_cost(self, input_tokens: int, output_tokens: int, model: str) -> float:
        return 0.0

    async def complete(self, request: CompletionRequest) -> CompletionResponse | CompletionStream:
        started = time.perf_counter()
        response = CompletionResponse(
            text=self._text(request.grounding) if request.grounding is not None else REFUSED,
            model=MODEL,
            token_count=0,
            input_tokens=0,
            output_tokens=0,
            latency_ms=(time.perf_counter() - started) * 1000,
            cost_usd=0.0,
            timestamp=datetime.now(UTC),
        )
        return BulletStream(response) if request.stream else response

    def _text(self, grounding: Grounding) -> str:
        wanted = _words(grounding.question)
        found = [
            (len(wanted & _words(sentence)) / max(len(wanted), 1), f"- {sentence} [{passage.number}]")
            for passage in grounding.passages
            for sentence in re.split(r"(?<=[.!?])\s+|\n+", passage.text)
            if sentence.strip()
        ]
        good = sorted((item for item in found if item[0] >= self._options.min_share), key=lambda item: -item[0])
        return "\n".join(text for _, text in good[: self._options.max_bullets]) or REFUSED


class BulletStream:
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


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.casefold()) if len(word) > 3}
