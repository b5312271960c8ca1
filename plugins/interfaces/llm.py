"""What must a language model, and several that look like one, be able to do?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from core.types import CompletionRequest, CompletionResponse
from plugins.interfaces.plugin import Plugin


class CompletionStream(Protocol):
    """Pieces of text as they come; afterwards ``response`` holds the whole with tokens, cost and finish reason."""

    def __aiter__(self) -> AsyncIterator[str]: ...

    async def aclose(self) -> None:
        """End the upstream call now; ``response`` then says ``cancelled`` and what was used so far."""

    @property
    def response(self) -> CompletionResponse:
        """Only after the stream ended or was closed; RuntimeError before."""


class LLMProvider(Plugin, Protocol):
    """A language model service."""

    async def complete(self, request: CompletionRequest) -> CompletionResponse | CompletionStream:
        """Answer the request: whole, or as a stream when ``request.stream`` is set.

        The connection is made before this returns, so that errors before the first token are raised here. A stream that
        breaks later raises ``ProviderUnavailableError`` from the iterator.
        """

    def calculate_cost(self, input_tokens: int, output_tokens: int, model: str) -> float:
        """Sync. US dollars for so many tokens; 0.0 for local models and models without a known price."""

    def get_supported_models(self) -> tuple[str, ...]:
        """Sync. Model names this provider answers for; the first is its default."""


class CallStatus(StrEnum):
    """How a call of a model ended; a label of metrics."""

    OK = "ok"
    CANCELLED = "cancelled"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"
    FAILED = "failed"
    """The provider raised something that is no error of ours: a mistake in the plugin."""


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of one provider that ended, well or not.

    Tokens of a call that broke off are what the vendor told, else an estimate; a call that failed before its first
    token has none. ``confidence`` is that of its response.
    """

    provider: str
    model: str
    status: CallStatus
    input_tokens: int
    output_tokens: int
    cost_usd: float
    latency_ms: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Failover:
    """Another provider answers now.

    Attributes:
        failed: Entry that broke off or never began, and ``reason``, the code of its error.
        took_over: Entry that answers now; the same one after a retry.
        restarted: Text was given out already. It is void: the answer begins anew.
    """

    failed: str
    reason: str
    took_over: str
    model: str
    restarted: bool


class CallListener(Protocol):
    """Hears what a routed request does."""

    def called(self, call: ModelCall) -> None:
        """Sync. A call ended; every one is told, failed and cancelled ones too."""

    async def failed_over(self, failover: Failover) -> None:
        """Told before the first piece of the new answer is given out."""


class RoutedModel(LLMProvider, Protocol):
    """Several providers that look like one; ``plugins.llm.routing.router.Router``."""

    async def complete(
        self, request: CompletionRequest, listener: CallListener | None = None
    ) -> CompletionResponse | CompletionStream:
        """As ``LLMProvider.complete``, by whichever provider may and can.

        A stream that breaks is begun anew elsewhere only when a listener is there to void what was given out.

        Raises:
            ProviderNotAllowedError: The request's clearance admits no provider.
        """
