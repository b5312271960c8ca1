"""`foundry doctor`: what is missing here, in plain words?"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from config.loader import load_settings
from config.models import Settings
from core.errors import KnowledgeFoundryError
from services.bootstrap import open_services
from services.commands.terminal import DataDir, run, say
from services.embedded.lock import holder
from services.embedded.postgres import find_binaries
from services.embedded.preflight import prepare_folder, require_port, require_space
from services.embedded.redis import find_binary
from services.stack.opening import any_stack, data_folder


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    well: bool
    text: str


def doctor(
    data_dir: DataDir = None,
    only: Annotated[str, typer.Option(help="Only parts with this name, such as worker or postgresql.")] = "",
) -> None:
    """Look at the machine, the settings and everything that runs. Exit code 1 when something needs attention."""
    findings = [] if only else list(_machine())
    try:
        settings = load_settings().settings
        folder = data_folder(data_dir)
    except KnowledgeFoundryError as error:
        findings.append(Finding("settings", False, str(error)))
    else:
        findings += [] if only else list(_before_start(settings, folder))
        if only or _runs(settings, folder):
            findings += run(_parts(data_dir))
    chosen = [finding for finding in findings if not only or finding.name == only]
    for finding in chosen:
        typer.echo(f"{'ok  ' if finding.well else 'BAD '} {finding.name}: {finding.text}")
    if not chosen:
        typer.echo(f"There is no part called {only}.")
    if not chosen or not all(finding.well for finding in chosen):
        raise typer.Exit(1)


def _machine() -> Iterator[Finding]:
    version, fits = platform.python_version(), (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding("python", fits, version if fits else f"{version}; 3.11, 3.12 or 3.13 is needed")


def _before_start(settings: Settings, folder: Path) -> Iterator[Finding]:
    yield Finding("settings", True, f"valid, environment {settings.app.environment}")
    yield _tried("data folder", f"{folder}", lambda: require_space(prepare_folder(folder)))
    if settings.database.host:
        yield Finding("postgres", True, f"an outside one on {settings.database.host}")
    else:
        yield _tried("postgres", "embedded", find_binaries)
    if settings.redis.host:
        yield Finding("redis", True, f"an outside one on {settings.redis.host}")
    else:
        yield _tried("redis", "embedded", find_binary)
    if holder(folder) is not None:
        yield Finding("knowledge foundry", True, f"runs (process {holder(folder)})")
        return
    chat, admin = settings.chat, settings.admin
    yield _tried(
        f"port {chat.port}",
        "free",
        partial(require_port, chat.port, what="the chat", option="--chat-port", host=chat.host),
    )
    yield _tried(
        f"port {admin.port}",
        "free",
        partial(require_port, admin.port, what="the admin app", option="--admin-port", host=admin.host),
    )


def _tried(name: str, text: str, check: Callable[[], object]) -> Finding:
    try:
        check()
    except KnowledgeFoundryError as error:
        return Finding(name, False, str(error))
    return Finding(name, True, text)


def _runs(settings: Settings, folder: Path) -> bool:
    return bool(settings.database.host and settings.redis.host) or holder(folder) is not None


async def _parts(data_dir: Path | None) -> list[Finding]:
    """How everything that runs is."""
    try:
        async with any_stack(data_dir, say=say), open_services() as services:
            report = await services.health.ready()
    except KnowledgeFoundryError as error:
        return [Finding("services", False, str(error))]
    return [Finding(item.name, item.status != "broken", item.detail or item.status) for item in report.items]
