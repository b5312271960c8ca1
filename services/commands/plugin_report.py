"""How is everything that can be plugged in?"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import httpx

from config.loader import load_settings
from config.models import Settings
from core.errors import ConfigurationError, KnowledgeFoundryError
from core.types import PluginStatus
from plugins.framework.install_hints import how_to_install
from plugins.framework.installed import Offered, installed, offered
from plugins.framework.manager import SCHEMA_FILE, PluginManager, PluginState, schema_of
from plugins.framework.manifest import KINDS
from plugins.framework.references import resolve
from plugins.interfaces import PROTOCOL_VERSION, PluginContext
from services.bootstrap import open_services


class Report(StrEnum):
    """How a plugin is. ``AVAILABLE``: not in use, but it could be; ``MISSING``: a library it needs is not installed."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    BROKEN = "broken"
    AVAILABLE = "available"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Line:
    """One plugin.

    Attributes:
        package: The package that brought it; empty for those we ship.
        entries: Enabled entries of the settings that use it.
    """

    kind: str
    name: str
    version: str
    state: str
    reference: str
    package: str = ""
    entries: tuple[str, ...] = ()
    reason: str = ""


def listed(settings: Settings) -> list[Line]:
    """All that can be named, without building or importing anything; the state says only whether it is in use."""
    return [_line(item, settings) for item in offered()]


async def report() -> list[Line]:
    """The same after building what is in use and importing the rest. Stores must be reachable."""
    settings = load_settings().settings
    states = await _states(settings)
    return [await asyncio.to_thread(_judged, item, _line(item, settings), states) for item in offered()]


async def _states(settings: Settings) -> list[PluginState]:
    async with open_services() as services:
        states = await services.plugins.check()
    async with httpx.AsyncClient() as http:
        # Parsers run in limited children of the worker; here they are only built.
        context = PluginContext(http=http, data_dir=Path(settings.storage.data_dir))
        parsers = PluginManager({"parser": settings.plugins.of("parser")}, context)
        try:
            await parsers.build("parser")
            return [*states, *parsers.states()]
        finally:
            await parsers.close()


def _line(item: Offered, settings: Settings) -> Line:
    manifest = item.manifest
    if manifest is None:
        return Line("?", item.reference, "?", Report.BROKEN, item.reference, item.package, reason=item.problem)
    entries = tuple(
        entry.name
        for kind in KINDS
        for entry in settings.plugins.of(kind)
        if entry.enabled and (entry.plugin == item.reference or installed(entry.plugin) == item)
    )
    state = "in use" if entries else "not in use"
    return Line(manifest.kind, manifest.name, manifest.version, state, item.reference, item.package, entries)


def _judged(item: Offered, line: Line, states: list[PluginState]) -> Line:
    if item.manifest is None:
        return line
    used = [state for state in states if state.kind == line.kind and state.name in line.entries]
    if used:
        worst = max(used, key=lambda state: list(PluginStatus).index(state.status))
        return replace(line, state=Report(worst.status.value), reason=worst.reason)
    if item.package:
        return replace(line, state=Report.AVAILABLE, reason="tried when an entry names it")
    return _unused(item, line)


def _unused(item: Offered, line: Line) -> Line:
    if item.manifest is not None and item.manifest.protocol != PROTOCOL_VERSION:
        return replace(line, state=Report.BROKEN, reason=f"speaks protocol {item.manifest.protocol}")
    try:
        resolve(item.reference)
        current = schema_of(item.reference)
    except ConfigurationError as error:
        needs = "not installed" in str(error)
        return replace(line, state=Report.MISSING if needs else Report.BROKEN, reason=str(error))
    except KnowledgeFoundryError as error:
        return replace(line, state=Report.BROKEN, reason=str(error))
    stored = item.folder / SCHEMA_FILE if item.folder is not None else None
    if stored is None or not stored.is_file() or json.loads(stored.read_text("utf-8")) != json.loads(current):
        return replace(line, state=Report.BROKEN, reason=f"{SCHEMA_FILE} is not that of its options")
    absent = _absent(item)
    if absent:
        return replace(line, state=Report.MISSING, reason=f"needs {', '.join(absent)}: {how_to_install(absent[0])}")
    return replace(line, state=Report.AVAILABLE)


def _absent(item: Offered) -> list[str]:
    """Libraries of the manifest that are not installed; nothing is imported to find out."""
    from importlib.util import find_spec

    modules = item.manifest.modules if item.manifest is not None else ()
    return [module for module in modules if find_spec(module.split(".")[0]) is None]
