"""How do settings change while the application runs?

Services are a snapshot. New settings make a new one beside the old, over plugins of which the unchanged go on; when all
is well it takes the place of the old in one step. Answers under way finish on what they began with, and only then are
the plugins closed that nobody uses any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import structlog
from redis.asyncio import Redis

from config.later import not_in_effect
from config.loader import LoadedSettings, load_settings
from config.models import Settings
from config.notices import Notice
from config.section import Section
from core.background import PATIENCE_S, end
from core.errors import ConfigurationError
from core.types import PluginStatus
from plugins.framework.manager import PluginManager, PluginState
from plugins.framework.manifest import Kind
from plugins.framework.quarantine import Quarantine
from services.bootstrap import Services, assemble
from services.fallbacks import fitted, tell
from services.infrastructure import Infrastructure, build, first_manager, open_infrastructure
from services.operations.watchdog import Watchdog
from services.search_index.indexes import entries_with_former
from services.settings.store import saved
from services.settings.versions import DEPLOYMENT_SECTIONS
from services.settings.watcher import Watch

log = structlog.get_logger(__name__)

MADE_WITH_EMBEDDING: tuple[Kind, ...] = ("llm", "reranker")
GRACE_S = 10.0
"""How long requests that are no answers may still use a plugin that was replaced."""

Work = Callable[[], frozenset[asyncio.Task[None]]]
Follower = Callable[[Services], None]


class ServiceReloader:
    """The services in force.

    Attributes:
        restart_for: Sections whose change waits for the next start.
    """

    def __init__(
        self,
        infrastructure: Infrastructure,
        services: Services,
        *,
        grace_s: float = GRACE_S,
        told: Iterable[Notice] = (),
    ) -> None:
        self.restart_for: tuple[str, ...] = ()
        self._infrastructure = infrastructure
        self._current = services
        self._grace_s = grace_s
        self._told = frozenset(told)
        self._followers: list[Follower] = []
        self._work: list[Work] = [lambda: infrastructure.answering.under_way]
        self._retiring: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()

    def __call__(self) -> Services:
        """The snapshot to use for one request, question or job."""
        return self._current

    @property
    def problem(self) -> str:
        """Why the newest settings are not in force; empty when they are."""
        return self._infrastructure.refusal.reason

    @property
    def redis(self) -> Redis:
        """The connection of this process, which outlives every snapshot."""
        return self._infrastructure.redis

    def refuse(self, reason: str) -> None:
        """Say why the newest settings are not in force."""
        self._infrastructure.refusal.reason = reason
        log.warning("settings_refused", reason=reason)

    def follow(self, follower: Follower, work: Work) -> None:
        """Call ``follower`` after every change; ``work`` names tasks that may still use what was replaced."""
        self._followers.append(follower)
        self._work.append(work)

    async def apply(self, loaded: LoadedSettings) -> None:
        """Put settings in force, or leave everything as it is.

        Raises:
            ConfigurationError: A plugin is wrong or not healthy; says which and why.
            KnowledgeFoundryError: Services cannot be put together from them.
        """
        async with self._one_at_a_time:
            found = await asyncio.to_thread(fitted, loaded)
            await self._apply(found.settings)
            tell(tuple(notice for notice in found.notices if notice not in self._told))
            self._told |= frozenset(found.notices)
            self._infrastructure.refusal.reason = ""

    async def _apply(self, wanted: Settings) -> None:
        old = self._current
        settings, self.restart_for = _kept_at_home(old.settings, wanted)
        if settings == old.settings:
            return
        manager = await self._built(old, settings)
        try:
            services = await assemble(settings, self._infrastructure, manager)
        except BaseException:
            await manager.close(keep=old.plugins)
            raise
        self._current = services
        for follower in self._followers:
            follower(services)
        log.info("settings_applied", plugins=sorted(f"{state.kind}/{state.name}" for state in manager.states()))
        busy = frozenset().union(*(work() for work in self._work))
        retiring = asyncio.create_task(self._retire(old.plugins, manager, busy))
        self._retiring.add(retiring)
        retiring.add_done_callback(self._retiring.discard)

    async def _built(self, old: Services, settings: Settings) -> PluginManager:
        entries = await entries_with_former(settings, self._infrastructure.database)
        same = settings.plugins.embedding_models == old.settings.plugins.embedding_models
        manager = old.plugins.successor(entries, anew=() if same else MADE_WITH_EMBEDDING)
        known = {(state.kind, state.name) for state in manager.states()}
        try:
            await build(manager, self._infrastructure)
            fresh = [state for state in manager.states() if (state.kind, state.name) not in known]
            broken = [state for state in fresh if _keeps_out(state, settings, old)]
            if broken:
                reasons = "; ".join(f"{state.kind}/{state.name}: {state.reason}" for state in broken)
                raise ConfigurationError(f"Plugins that are not healthy are not put in force. {reasons}")
        except BaseException:
            await manager.close(keep=old.plugins)
            raise
        return manager

    async def _retire(self, old: PluginManager, new: PluginManager, busy: frozenset[asyncio.Task[None]]) -> None:
        try:
            if busy:
                await asyncio.wait(busy)
            await asyncio.sleep(self._grace_s)
        finally:
            # Also when the process ends before: what was replaced holds connections.
            await old.close(keep=new)

    async def close(self) -> None:
        """Finish what is retiring, then close the plugins in force."""
        for task in list(self._retiring):
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await self._infrastructure.answering.close()
        await self._current.plugins.close()


@asynccontextmanager
async def open_reloader(
    loaded: LoadedSettings | None = None, *, grace_s: float = GRACE_S
) -> AsyncIterator[ServiceReloader]:
    """Open everything and follow what is saved and, with ``app.hot_reload``, what is written into the files.

    Raises:
        ConfigurationError: The settings are wrong or incomplete.
        ProviderUnavailableError: A plugin nothing works without does not run; says why.
    """
    first = loaded or load_settings()
    async with open_infrastructure(first.settings) as infrastructure:
        version = await saved(infrastructure.database)
        latest = load_settings(saved=version.content) if loaded is None else first
        found = await asyncio.to_thread(fitted, latest)
        settings = found.settings
        tell(found.notices)
        if keys := not_in_effect(latest):
            log.warning("settings_not_in_effect", keys=list(keys))
        plugins = await first_manager(settings, infrastructure)
        try:
            await build(plugins, infrastructure)
            live = ServiceReloader(
                infrastructure, await assemble(settings, infrastructure, plugins), grace_s=grace_s, told=found.notices
            )
        except BaseException:
            await plugins.close()
            raise
        watch = Watch(
            infrastructure.database,
            infrastructure.redis,
            live.apply,
            live.refuse,
            files=settings.app.hot_reload,
            seen=version.number,
        )
        following = asyncio.create_task(watch.run(), name="settings-watch")
        dog = Watchdog(lambda: live().plugins, Quarantine(infrastructure.context.data_dir))
        try:
            async with dog.watching():
                yield live
        finally:
            await end(following, patience_s=5 * PATIENCE_S)
            await live.close()


def _kept_at_home(old: Settings, wanted: Settings) -> tuple[Settings, tuple[str, ...]]:
    """The settings with those of the deployment as they were, and the sections whose change must wait."""
    changed = tuple(name for name in DEPLOYMENT_SECTIONS if getattr(old, name) != getattr(wanted, name))
    kept: dict[str, Section] = {name: getattr(old, name) for name in changed}
    return wanted.model_copy(update=kept), changed


def _keeps_out(state: PluginState, wanted: Settings, old: Services) -> bool:
    """Whether the settings cannot be put in force for this plugin: it is wanted, broken, and was not so before."""
    if state.status is not PluginStatus.BROKEN or _was_broken(state, old):
        return False
    return any(entry.enabled and entry.name == state.name for entry in wanted.plugins.of(state.kind))


def _was_broken(state: PluginState, old: Services) -> bool:
    return any(
        (known.kind, known.name, known.reference, known.status)
        == (state.kind, state.name, state.reference, PluginStatus.BROKEN)
        for known in old.plugins.states()
    )
