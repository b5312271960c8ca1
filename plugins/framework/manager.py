"""Which plugins are in use, and how are they?

A broken plugin never takes the application down: whatever it raises while it is imported, built, started, checked or
closed becomes its state, with the reason in words.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

import structlog

from core.errors import ConfigurationError, KnowledgeFoundryError, ProviderUnavailableError
from core.plugin_kinds import entry_key
from core.telemetry import METRICS
from core.types import Health, PluginStatus
from plugins.framework.install_hints import how_to_install
from plugins.framework.installed import installed, manifest_of
from plugins.framework.manifest import Entries, Entry, Kind, discover
from plugins.framework.quarantine import Quarantine
from plugins.framework.references import resolve, validate_options
from plugins.framework.sandbox import probe
from plugins.framework.signatures import problems
from plugins.interfaces import (
    PROTOCOL_VERSION,
    AuthProvider,
    CacheProvider,
    DocumentParser,
    EmbeddingProvider,
    FederatedLogin,
    LLMProvider,
    NotificationProvider,
    Plugin,
    PluginContext,
    RateLimiter,
    Reranker,
    VectorDBProvider,
)

log = structlog.get_logger(__name__)

HEALTH_TIMEOUT_S = 5.0
START_TIMEOUT_S = 120.0
SCHEMA_FILE = "config.schema.json"
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class PluginState:
    """How one entry is; ``reason`` says in plain words what is wrong with one that is not healthy."""

    kind: str
    name: str
    reference: str
    status: PluginStatus
    reason: str = ""
    latency_ms: float = 0.0


class PluginManager:
    """Builds, checks and closes the plugins that the settings name; one event loop, one manager."""

    def __init__(self, entries: Entries, context: PluginContext, *, health_timeout_s: float = HEALTH_TIMEOUT_S) -> None:
        self._entries = entries
        self._context = context
        self._health_timeout_s = health_timeout_s
        self._aside = Quarantine(context.data_dir)
        self._plugins: dict[tuple[Kind, str], Plugin] = {}
        self._states: dict[tuple[Kind, str], PluginState] = {}

    async def build(self, kind: Kind, *, context: PluginContext | None = None) -> tuple[str, ...]:
        """Build and start all enabled entries of a kind that do not run yet; again later, to revive broken ones.

        Args:
            context: Used instead of the manager's, and kept, when a plugin of this kind needs what was built before it.

        Returns:
            Names of those that run, in the order of the settings.
        """
        self._context = context or self._context
        entries = [entry for entry in self._entries.get(kind, ()) if entry.enabled]
        await asyncio.gather(*(self._build_one(kind, e) for e in entries if (kind, e.name) not in self._plugins))
        return self.names(kind)

    def names(self, kind: Kind) -> tuple[str, ...]:
        """Entries of a kind that run, in the order of the settings."""
        return tuple(e.name for e in self._entries.get(kind, ()) if (kind, e.name) in self._plugins)

    # One overload a kind, so that callers get the contract and no cast.
    @overload
    def get(self, kind: Literal["llm"], name: str) -> LLMProvider: ...
    @overload
    def get(self, kind: Literal["vector_db"], name: str) -> VectorDBProvider: ...
    @overload
    def get(self, kind: Literal["embedding"], name: str) -> EmbeddingProvider: ...
    @overload
    def get(self, kind: Literal["parser"], name: str) -> DocumentParser: ...
    @overload
    def get(self, kind: Literal["reranker"], name: str) -> Reranker: ...
    @overload
    def get(self, kind: Literal["auth"], name: str) -> AuthProvider | FederatedLogin: ...
    @overload
    def get(self, kind: Literal["rate_limiter"], name: str) -> RateLimiter: ...
    @overload
    def get(self, kind: Literal["cache"], name: str) -> CacheProvider: ...
    @overload
    def get(self, kind: Literal["notifier"], name: str) -> NotificationProvider: ...
    def get(self, kind: Kind, name: str) -> Any:
        """A running plugin.

        Raises:
            ProviderUnavailableError: It does not run; says why.
        """
        plugin = self._plugins.get((kind, name))
        if plugin is None:
            state = self._states.get((kind, name))
            reason = state.reason if state else "it is not among the enabled entries that were built."
            raise ProviderUnavailableError(f"The {kind} plugin {name} is not available: {reason}")
        return plugin

    def states(self) -> list[PluginState]:
        """The last known state of every entry that was built or tried, in the order of the settings."""
        keys = [(kind, entry.name) for kind, entries in self._entries.items() for entry in entries]
        return [self._states[key] for key in keys if key in self._states]

    def owner_of(self, files: Sequence[str]) -> tuple[Kind, str] | None:
        """Entry whose plugin's code is the first of these files; None when none is a plugin's."""
        folders = {key: str(Path(inspect.getfile(type(plugin))).parent) for key, plugin in self._plugins.items()}
        for file in files:
            for key, folder in folders.items():
                if file.startswith(f"{folder}{os.sep}"):
                    return key
        return None

    def has_another(self, kind: Kind, name: str) -> bool:
        """Whether the application can do without an entry, because another of its kind runs."""
        return any(other != name for other in self.names(kind))

    async def check(self) -> list[PluginState]:
        """Ask every running plugin how it is, all at once and at most 5 s each; then ``states()``."""
        await asyncio.gather(*(self._check_one(key) for key in list(self._plugins)))
        return self.states()

    def successor(self, entries: Entries, *, anew: tuple[Kind, ...] = ()) -> PluginManager:
        """A manager for other entries that takes over, running, those that stay as they are.

        Args:
            anew: Kinds of which nothing is taken over, because something they were built with has changed.
        """
        heir = PluginManager(entries, self._context, health_timeout_s=self._health_timeout_s)
        before = {(kind, entry.name): entry for kind, known in self._entries.items() for entry in known}
        for kind, wanted in entries.items():
            for entry in wanted:
                key, old = (kind, entry.name), before.get((kind, entry.name))
                same = old is not None and (old.plugin, dict(old.config)) == (entry.plugin, dict(entry.config))
                if same and entry.enabled and kind not in anew and key in self._plugins:
                    heir._plugins[key], heir._states[key] = self._plugins[key], self._states[key]
        return heir

    async def close(self, *, keep: PluginManager | None = None) -> None:
        """Close all but those another manager has taken over, the last built first; twice is harmless."""
        kept = set(map(id, keep._plugins.values())) if keep is not None else set()
        while self._plugins:
            (kind, name), plugin = self._plugins.popitem()
            if id(plugin) in kept:
                continue
            try:
                async with asyncio.timeout(self._health_timeout_s):
                    await plugin.close()
            except Exception as error:  # the others must still be closed
                log.warning("plugin_close_failed", kind=kind, plugin=name, reason=_reason(error))

    async def _build_one(self, kind: Kind, entry: Entry) -> None:
        key = (kind, entry.name)
        state = PluginState(kind, entry.name, entry.plugin, PluginStatus.HEALTHY)
        out = self._aside.excluded().get(f"{kind}/{entry.name}")
        if out is not None:
            again = f"{out} Let it in again with: foundry plugins restore {kind}/{entry.name}"
            self._states[key] = replace(state, status=PluginStatus.BROKEN, reason=again)
            return
        plugin: Plugin | None = None
        try:
            plugin = await _made(kind, entry, self._context)
            await _within(START_TIMEOUT_S, plugin.start, "starting")
        except Exception as error:  # whatever a plugin raises is its own state, never the application's end
            log.warning("plugin_broken", kind=kind, plugin=entry.name, reason=_reason(error))
            self._states[key] = replace(state, status=PluginStatus.BROKEN, reason=_reason(error))
            _gauge(kind, entry.name, PluginStatus.BROKEN)
            await self._discard(kind, entry.name, plugin)
            return
        self._plugins[key], self._states[key] = plugin, state
        await self._check_one(key)

    async def _discard(self, kind: str, name: str, plugin: Plugin | None) -> None:
        # A plugin that failed half way through its start may hold connections.
        if plugin is None:
            return
        try:
            await _within(self._health_timeout_s, plugin.close, "closing")
        except Exception as error:
            log.warning("plugin_close_failed", kind=kind, plugin=name, reason=_reason(error))

    async def _check_one(self, key: tuple[Kind, str]) -> None:
        started = time.perf_counter()
        try:
            health = await _within(self._health_timeout_s, self._plugins[key].health_check, "the health check")
        except Exception as error:  # health checks must not raise; this one did, or was silent
            health = Health(PluginStatus.BROKEN, _reason(error))
        elapsed_ms = (time.perf_counter() - started) * 1000
        if health.status is not PluginStatus.HEALTHY:
            log.warning("plugin_unwell", kind=key[0], plugin=key[1], status=health.status, reason=health.detail)
        if key in self._states:
            _gauge(*key, health.status)
            self._states[key] = replace(
                self._states[key],
                status=health.status,
                reason=health.detail,
                latency_ms=health.latency_ms or elapsed_ms,
            )


def _gauge(kind: str, name: str, status: PluginStatus) -> None:
    value = {PluginStatus.HEALTHY: 1.0, PluginStatus.DEGRADED: 0.5, PluginStatus.BROKEN: 0.0}[status]
    METRICS.plugin_health.labels(kind, name).set(value)


def write_schemas() -> list[Path]:
    """Write ``config.schema.json`` of every shipped plugin from its options; the paths written."""
    paths = []
    for folder, manifest in discover():
        path = folder / SCHEMA_FILE
        path.write_text(schema_of(manifest.reference), encoding="utf-8")
        paths.append(path)
    return paths


def schema_of(reference: str) -> str:
    """JSON schema of a plugin's options, as its file should hold it."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **resolve(reference).Options.model_json_schema(),
    }
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False, default=str) + "\n"


async def _made(kind: Kind, entry: Entry, context: PluginContext) -> Plugin:
    manifest = manifest_of(entry.plugin)
    if manifest is not None and manifest.kind != kind:
        raise ConfigurationError(f"plugin: {entry.plugin} is a {manifest.kind}, not a {kind}.")
    if manifest is not None and manifest.protocol != PROTOCOL_VERSION:
        raise ConfigurationError(f"It speaks protocol {manifest.protocol}; this version needs {PROTOCOL_VERSION}.")
    stranger = installed(entry.plugin)
    if stranger is not None:
        await probe(stranger, kind, entry.config)
    # Imports read files and may be slow; the loop goes on meanwhile.
    implementation = await asyncio.to_thread(resolve, entry.plugin)
    options = validate_options(implementation, entry.config, entry_key(kind, entry.name))
    plugin = implementation(options, context)
    wrong = problems(kind, plugin)
    if wrong:
        raise ConfigurationError(f"plugin: {entry.plugin} is no {kind} plugin: {'; '.join(wrong)}.")
    made: Plugin = plugin
    return made


async def _within(seconds: float, call: Callable[[], Awaitable[_Result]], what: str) -> _Result:
    try:
        async with asyncio.timeout(seconds) as limit:
            return await call()
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise ProviderUnavailableError(f"{what} took longer than {seconds:g} s.") from error


def _reason(error: Exception) -> str:
    if isinstance(error, KnowledgeFoundryError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return f"It needs the package {error.name}, which is not installed: {how_to_install(error.name or '')}"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


if __name__ == "__main__":
    write_schemas()
