"""Has a plugin the methods of its kind, with arguments that callers will give?"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from plugins import interfaces
from plugins.framework.manifest import Kind

CONTRACTS: dict[Kind, type[Any]] = {
    "llm": interfaces.LLMProvider,
    "vector_db": interfaces.VectorDBProvider,
    "embedding": interfaces.EmbeddingProvider,
    "parser": interfaces.DocumentParser,
    "reranker": interfaces.Reranker,
    "auth": interfaces.AuthProvider,
    "rate_limiter": interfaces.RateLimiter,
    "cache": interfaces.CacheProvider,
    "notifier": interfaces.NotificationProvider,
}
ALTERNATIVES: dict[Kind, type[Any]] = {"auth": interfaces.FederatedLogin}
"""A kind that has a second contract: sessions of our own, or another service's word for who somebody is."""


def problems(kind: Kind, plugin: object) -> list[str]:
    """What keeps an object from being a plugin of that kind, in words; empty when nothing does."""
    found = _problems(CONTRACTS[kind], plugin)
    other = ALTERNATIVES.get(kind)
    return [] if found and other is not None and not _problems(other, plugin) else found


def _problems(contract: type[Any], plugin: object) -> list[str]:
    return [problem for name, member in _members(contract) for problem in _compare(name, member, plugin)]


def _members(contract: type[Any]) -> Iterator[tuple[str, Any]]:
    for base in reversed(contract.__mro__):
        if getattr(base, "_is_protocol", False):
            for name, member in vars(base).items():
                if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                    yield name, member


def _compare(name: str, wanted: Any, plugin: object) -> Iterator[str]:
    # Static, because a property may only work once the plugin has started.
    found = inspect.getattr_static(plugin, name, None)
    if found is None:
        yield f"{name} is missing"
        return
    if isinstance(wanted, property):
        return
    if isinstance(found, staticmethod | classmethod):
        found = getattr(plugin, name)
    if not callable(found):
        yield f"{name} is no method"
        return
    if inspect.iscoroutinefunction(wanted) and not inspect.iscoroutinefunction(found):
        yield f"{name}() must be `async def`"
    elif inspect.iscoroutinefunction(found) and not inspect.iscoroutinefunction(wanted):
        yield f"{name}() must not be `async def`"
    yield from _arguments(name, wanted, getattr(plugin, name))


def _arguments(name: str, wanted: Any, found: Any) -> Iterator[str]:
    offered = inspect.signature(found)
    given = inspect.signature(wanted).parameters.values()
    positional = [p.name for p in given if p.kind is not inspect.Parameter.KEYWORD_ONLY and p.name != "self"]
    named = {p.name: None for p in given if p.kind is inspect.Parameter.KEYWORD_ONLY}
    try:
        offered.bind(*positional, **named)
        # Callers name arguments, too.
        offered.bind(**dict.fromkeys(positional), **named)
    except TypeError as error:
        arguments = ", ".join([*positional, *(f"{key}=" for key in named)])
        yield f"{name}() must take ({arguments}): {error}"
