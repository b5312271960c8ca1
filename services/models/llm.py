"""Which models answer here? Made of the entries under ``plugins.llm_providers``."""

from __future__ import annotations

from dataclasses import dataclass

from redis.asyncio import Redis

from config.models import PluginEntry, Settings
from core.errors import ProviderUnavailableError
from plugins.framework.egress import is_local
from plugins.framework.manager import PluginManager
from plugins.llm.routing.breaker import BreakerPolicy, Breakers
from plugins.llm.routing.router import Route, Router, RoutingPolicy

EXTRACTIVE = "extractive"
DEFAULT_PRIORITY = 100


@dataclass(frozen=True, slots=True)
class Models:
    """Who answers, and who quotes when nobody does.

    Attributes:
        fallback: None when ``router`` only quotes itself, or the extractive entry is off.
        extractive: No model runs: ``router`` quotes.
        default_model: What is asked for; empty leaves it to each entry.
    """

    router: Router
    fallback: Router | None
    extractive: bool
    default_model: str


def open_models(settings: Settings, plugins: PluginManager, redis: Redis | None) -> Models:
    """The router over all entries that run, or over the best one alone when ``multi_model_routing`` is off.

    Raises:
        ProviderUnavailableError: No entry runs.
    """
    entries = {entry.name: entry for entry in settings.plugins.llm_providers}
    names = sorted(plugins.names("llm"), key=lambda name: _priority(entries[name]))
    if not names:
        raise ProviderUnavailableError(
            "No way to answer runs.", next_step="Enable the extractive entry in plugins.llm_providers."
        )
    breakers, policy = Breakers(_breaker_policy(settings), redis), _policy(settings)
    quoting = [_route(entries[EXTRACTIVE], plugins)] if EXTRACTIVE in names else []
    writing = [_route(entries[name], plugins) for name in names if name != EXTRACTIVE]
    extractive = names[0] == EXTRACTIVE
    if extractive:
        writing = quoting
    elif not settings.feature_flags.multi_model_routing:
        writing = [_alone(writing[0])]
    return Models(
        router=Router(writing, breakers, policy),
        fallback=Router(quoting, breakers, policy) if quoting and not extractive else None,
        extractive=extractive,
        default_model="" if extractive else settings.generation.model,
    )


def _route(entry: PluginEntry, plugins: PluginManager) -> Route:
    routing = entry.routing
    marked = routing.local if routing else None
    return Route(
        name=entry.name,
        provider=plugins.get("llm", entry.name),
        priority=_priority(entry),
        models=routing.models if routing else (),
        fallback_for=routing.fallback_for if routing else (),
        local=is_local(entry) if marked is None else marked,
        quotes=entry.name == EXTRACTIVE,
    )


def _alone(route: Route) -> Route:
    # Without routing the one model takes every name, as its server may know more than it lists.
    return Route(name=route.name, provider=route.provider, models=("*",), local=route.local)


def _priority(entry: PluginEntry) -> int:
    return entry.routing.priority if entry.routing else DEFAULT_PRIORITY


def _policy(settings: Settings) -> RoutingPolicy:
    routing = settings.generation.routing
    return RoutingPolicy(
        first_token_timeout_s=routing.first_token_timeout_s,
        idle_timeout_s=routing.idle_timeout_s,
        total_timeout_s=settings.generation.timeout_s,
        rounds=routing.rounds,
        retry_budget_s=routing.retry_budget_s,
    )


def _breaker_policy(settings: Settings) -> BreakerPolicy:
    routing = settings.generation.routing
    return BreakerPolicy(
        failures=routing.breaker_failures, pause_s=routing.breaker_pause_s, probe_s=settings.generation.timeout_s
    )
