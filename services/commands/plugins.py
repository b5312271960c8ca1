"""`foundry plugins`: what can be plugged in, how is it, and how is a new one begun?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from config.loader import load_settings
from core.errors import NotFoundError, ValidationError
from plugins.framework import skeletons
from plugins.framework.installed import offered
from plugins.framework.manager import schema_of
from plugins.framework.quarantine import Quarantine
from services.commands.plugin_report import Line, Report, listed, report
from services.commands.terminal import DataDir, run, say
from services.stack.opening import any_stack, data_folder

app = typer.Typer(no_args_is_help=True, help="List and check what is plugged in; begin a new plugin.")

Json = Annotated[Path | None, typer.Option("--json", help="Write it here as JSON, too.", show_default=False)]


@app.command(name="list")
def list_plugins(json_file: Json = None) -> None:
    """Everything that can be named in plugins.yaml, ours and that of installed packages."""
    _print(listed(load_settings().settings), json_file)


@app.command()
def check(json_file: Json = None, data_dir: DataDir = None) -> None:
    """Build what the settings name and ask how it is; see whether the rest could be. Exit code 1 when one is broken."""
    lines = run(_check(data_dir))
    _print(lines, json_file)
    broken = [line for line in lines if line.state == Report.BROKEN]
    if broken:
        typer.echo(f"{len(broken)} of {len(lines)} plugins are broken.", err=True)
        raise typer.Exit(1)


@app.command()
def schema(
    name: Annotated[str, typer.Argument(help="kind/name, such as llm/openai, or a reference; without one, all.")] = "",
) -> None:
    """Print the JSON schema of a plugin's options."""
    found = {_key(item.manifest.kind, item.manifest.name): item.reference for item in offered() if item.manifest}
    if name and name not in found and name not in found.values():
        raise ValidationError(f"There is no plugin {name}.", next_step="See foundry plugins list.")
    if name:
        typer.echo(schema_of(found.get(name, name)), nl=False)
        return
    typer.echo(json.dumps({key: json.loads(schema_of(reference)) for key, reference in found.items()}, indent=2))


@app.command()
def new(
    kind: Annotated[str, typer.Argument(help="llm, vector_db, embedding, parser, reranker, auth, cache, …")],
    name: Annotated[str, typer.Argument(help="Name of the package: small letters, digits, hyphens.")],
    into: Annotated[Path, typer.Option(help="Folder in which its own is made.")] = Path(),
) -> None:
    """Write a package with a working plugin, its manifest and the test that holds it against the contract."""
    written = skeletons.write(kind, name, into)
    typer.echo("\n".join(str(path) for path in written))
    say(f"Next: pip install -e {into / name} && pytest {into / name}")


@app.command()
def restore(
    name: Annotated[str, typer.Argument(help="kind/name of the entry.")],
    data_dir: DataDir = None,
) -> None:
    """Let a plugin in again that was set aside because it blocked the application; counts from the next start."""
    if not Quarantine(data_folder(data_dir)).restore(name):
        raise NotFoundError(f"{name} was not set aside.", next_step="See foundry plugins check.")
    say(f"{name} is let in again at the next start.")


async def _check(data_dir: Path | None) -> list[Line]:
    async with any_stack(data_dir, say=say):
        return await report()


def _print(lines: Sequence[Line], json_file: Path | None) -> None:
    widths = [max((len(str(cell)) for cell in column), default=0) for column in zip(*map(_cells, lines), strict=True)]
    for line in lines:
        cells = (f"{cell:<{width}}" for cell, width in zip(_cells(line), widths, strict=True))
        typer.echo("  ".join([*cells, line.reason]).rstrip())
    if json_file is not None:
        json_file.write_text(json.dumps([asdict(line) for line in lines], indent=2) + "\n", encoding="utf-8")


def _cells(line: Line) -> tuple[str, ...]:
    return (line.kind, line.name, line.version, line.state, line.package or "shipped", ",".join(line.entries))


def _key(kind: str, name: str) -> str:
    return f"{kind}/{name}"
