"""Which reranker orders the passages here? Made of the entries under ``plugins.reranker``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from config.models import Settings
from core.types import Candidate
from plugins.framework.egress import is_local
from plugins.framework.manager import PluginManager
from plugins.interfaces import PluginContext, Reranker
from plugins.reranker.none import NoReranker

log = structlog.get_logger(__name__)

SEARCH_ORDER = f"{NoReranker.__module__}:{NoReranker.__name__}"


@dataclass(frozen=True, slots=True)
class Reranking:
    """Who orders the passages, and whether confidential ones may reach it."""

    reranker: Reranker
    local: bool


class NotRunning(NoReranker):
    """Stand-in for an entry that does not run: every answer says so, instead of being a little worse in silence."""

    def __init__(self, name: str, plugins: PluginManager, context: PluginContext) -> None:
        super().__init__(NoReranker.Options(), context)
        self._name = name
        self._plugins = plugins

    async def rerank(self, query: str, chunks: Sequence[Candidate], top_k: int) -> list[Candidate]:
        # The manager says why it does not run; one that was revived meanwhile ranks.
        return await self._plugins.get("reranker", self._name).rerank(query, chunks, top_k)


def open_reranking(settings: Settings, plugins: PluginManager, context: PluginContext) -> Reranking:
    """The first entry that ranks and runs; with ``retrieval.reranking_enabled`` off, the order of the search."""
    search_order = Reranking(NoReranker(NoReranker.Options(), context), local=True)
    if not settings.retrieval.reranking_enabled:
        return search_order
    ranking = [entry for entry in settings.plugins.reranker if entry.enabled and entry.plugin != SEARCH_ORDER]
    if not ranking:
        log.warning("reranking_enabled_without_reranker")
        return search_order
    running = plugins.names("reranker")
    chosen = next((entry for entry in ranking if entry.name in running), ranking[0])
    marked = chosen.routing.local if chosen.routing else None
    local = is_local(chosen) if marked is None else marked
    if chosen.name not in running:
        return Reranking(NotRunning(chosen.name, plugins, context), local)
    return Reranking(plugins.get("reranker", chosen.name), local)
