"""How do several language models look like one that does not fail?

A request goes to the best route that may see it and whose breaker lets it. When that one fails, the next takes over at
once; when all have failed, another round begins after a random pause, as long as the time for retries lasts. A stream
that breaks is begun anew elsewhere (``routed_request``). Every call is counted (``calls``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.types import CompletionRequest, CompletionResponse, Health, PluginStatus
from plugins.interfaces import CallListener, CompletionStream
from plugins.llm.routing.attempt import LiveStream
from plugins.llm.routing.breaker import Breakers, BreakerState
from plugins.llm.routing.routed_request import RoutedRequest, RoutedStream, RoutingPolicy
from plugins.llm.routing.routes import Load, Route, targets


@dataclass(frozen=True, slots=True)
class RouteState:
    """How a model of a route is, and how many calls it has under way."""

    provider: str
    model: str
    breaker: BreakerState
    outstanding: int


class Router:
    """Implements ``plugins.interfaces.RoutedModel``. It owns no provider: the plugin manager starts and closes them."""

    def __init__(self, routes: Sequence[Route], breakers: Breakers, policy: RoutingPolicy | None = None) -> None:
        if not routes:
            raise ValueError("a router needs a route")
        self._routes = tuple(sorted(routes, key=lambda route: route.priority))
        self._breakers = breakers
        self._policy = policy or RoutingPolicy()
        self._load = Load()

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to release."""

    async def complete(
        self, request: CompletionRequest, listener: CallListener | None = None
    ) -> CompletionResponse | CompletionStream:
        who = targets(self._routes, request.model, request.clearance)
        course = RoutedRequest(request, who, self._breakers, self._load, self._policy, listener)
        answer = await course.next_answer()
        return RoutedStream(course, answer) if isinstance(answer, LiveStream) else answer

    def calculate_cost(self, input_tokens: int, output_tokens: int, model: str) -> float:
        route = next((route for route in self._routes if route.takes(model)), self._routes[0])
        return route.provider.calculate_cost(input_tokens, output_tokens, model)

    def get_supported_models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(model for route in self._routes for model in route.provider.get_supported_models()))

    async def health_check(self) -> Health:
        resting = [state for state in self.states() if state.breaker is not BreakerState.CLOSED]
        if not resting:
            return Health(PluginStatus.HEALTHY)
        names = ", ".join(f"{state.provider}/{state.model}" for state in resting)
        return Health(PluginStatus.DEGRADED, f"Resting after repeated failures: {names}.")

    def states(self) -> tuple[RouteState, ...]:
        """Sync. Every model that was called so far."""
        return tuple(
            RouteState(key.provider, key.model, state, self._load.outstanding(key.provider))
            for key, state in self._breakers.states().items()
        )


__all__ = ["Route", "RouteState", "Router", "RoutingPolicy"]
