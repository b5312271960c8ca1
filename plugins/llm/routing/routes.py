"""Which providers may answer a request, and in which order?

Those that take the model come first, by priority; among equals the one with the fewest calls under way. Then come those
that stand in for one of them (``fallback_for``), with their own model where they do not know the one asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from core.errors import ProviderError, ProviderNotAllowedError
from core.types import Clearance
from plugins.interfaces import LLMProvider
from plugins.llm.routing.breaker import BreakerKey


@dataclass(frozen=True, slots=True)
class Route:
    """An entry of the settings that answers.

    Attributes:
        priority: Lower comes first; equal ones share the load.
        models: Globs of the names it takes; empty means those its provider lists.
        fallback_for: Entries it stands in for; unless its own globs take the model, it is called only after them.
        local: Confidential text may go there.
        quotes: It answers without a model, so that no list of allowed models speaks of it.
    """

    name: str
    provider: LLMProvider
    priority: int = 100
    models: tuple[str, ...] = ()
    fallback_for: tuple[str, ...] = ()
    local: bool = False
    quotes: bool = False

    def takes(self, model: str) -> bool:
        """Whether it answers for a model of this name."""
        known = self.models or self.provider.get_supported_models()
        return any(fnmatchcase(model, pattern) for pattern in known)

    def model_for(self, asked: str, allowed: Sequence[str]) -> str | None:
        """The model it would use: the one asked for, else its first that is allowed; None when none is."""
        names = (asked,) if asked and self.takes(asked) else self.provider.get_supported_models() or ("",)
        if self.quotes or not allowed:
            return names[0]
        return next((name for name in names if is_allowed(name, allowed)), None)


@dataclass(frozen=True, slots=True)
class Target:
    """A model of a route; ``tier`` 0 takes the request itself, higher ones stand in."""

    route: Route
    model: str
    tier: int

    @property
    def key(self) -> BreakerKey:
        """Whose breaker counts its failures."""
        return BreakerKey(self.route.name, self.model or "default")


def is_allowed(model: str, allowed: Sequence[str]) -> bool:
    """Whether a list of globs admits a model; an empty list admits all."""
    return not allowed or any(fnmatchcase(model, pattern) for pattern in allowed)


def targets(routes: Sequence[Route], asked: str, clearance: Clearance) -> list[Target]:
    """Everybody who may answer, those of the lowest tier and priority first.

    A model that was asked for and is not allowed counts as not asked for: any allowed one may answer.

    Raises:
        ProviderNotAllowedError: Somebody could answer, but may not.
        ProviderError: Nobody takes this model.
    """
    wanted = asked if is_allowed(asked, clearance.models) else ""
    tiers = _tiers(routes, wanted)
    if not tiers:
        raise ProviderError(
            f"No entry takes the model {wanted}.",
            next_step="Name it under routing.models of an entry in plugins.llm_providers.",
        )
    near = [(route, tier) for route, tier in tiers if route.local or not clearance.local_only]
    if not near:
        raise ProviderNotAllowedError(
            "These documents are confidential, and no model that may see them is set up.",
            next_step="Set routing.local for a model on your own machines.",
            confidential=True,
        )
    models = [(route, route.model_for(wanted, clearance.models), tier) for route, tier in near]
    found = [Target(route, model, tier) for route, model, tier in models if model is not None]
    if not found:
        raise ProviderNotAllowedError(
            "Your organisation allows none of the models that are set up.",
            next_step="Ask an administrator of your organisation.",
        )
    return sorted(found, key=lambda target: (target.tier, target.route.priority))


def _tiers(routes: Sequence[Route], asked: str) -> list[tuple[Route, int]]:
    if asked:
        first = [route for route in routes if route.takes(asked)]
    else:
        # Where everybody stands in for somebody, everybody is asked.
        first = [route for route in routes if not route.fallback_for] or list(routes)
    found = [(route, 0) for route in first]
    failing = _names(first)
    for tier in range(1, len(routes) + 1):
        taken = _names(route for route, _ in found)
        standing_in = [r for r in routes if r.name not in taken and failing.intersection(r.fallback_for)]
        found += [(route, tier) for route in standing_in]
        failing = _names(standing_in)
    return found


def _names(routes: Iterable[Route]) -> set[str]:
    return {route.name for route in routes}


class Load:
    """How many calls each route has under way; spreads requests over equals."""

    def __init__(self) -> None:
        self._outstanding: Counter[str] = Counter()
        self._turn = 0
        self._last_turn: dict[str, int] = {}

    def best(self, waiting: Sequence[Target]) -> Target:
        """Whose turn it is: tier, priority, fewest calls under way, longest not called."""
        return min(
            waiting,
            key=lambda target: (
                target.tier,
                target.route.priority,
                self._outstanding[target.route.name],
                self._last_turn.get(target.route.name, 0),
            ),
        )

    def begun(self, route: Route) -> None:
        """A call is under way."""
        self._turn += 1
        self._last_turn[route.name] = self._turn
        self._outstanding[route.name] += 1

    def over(self, route: Route) -> None:
        """It is no more."""
        self._outstanding[route.name] -= 1

    def outstanding(self, name: str) -> int:
        """Calls under way to the route of this name."""
        return self._outstanding[name]
