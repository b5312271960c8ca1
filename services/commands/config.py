"""`foundry config`: which settings are in force?"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from config.later import notice
from config.loader import load_settings
from config.show import effective
from services.fallbacks import fitted

app = typer.Typer(no_args_is_help=True, help="Look at the settings.")


@app.command()
def show(
    prefix: Annotated[str, typer.Argument(help="Only keys that start like this, such as database.")] = "",
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    changed: Annotated[bool, typer.Option("--changed", help="Only what a file or the environment sets.")] = False,
) -> None:
    """Print every setting with its value and the layer it came from; secrets are masked.

    What was saved in the admin app is not among the layers: its page Settings shows that.
    """
    loaded = load_settings()
    # On standard error, like all that is said beside the result.
    for one in fitted(loaded).notices:
        typer.echo(str(one), err=True)
    rows = [row for row in effective(loaded) if row[0].startswith(prefix) and not (changed and _default(row))]
    if json_output:
        found = {key: {"value": value, "origin": origin} for key, value, origin in rows}
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    width = max((len(key) for key, _, _ in rows), default=0)
    for key, value, origin in rows:
        typer.echo(f"{key:<{width}}  {value}  ({origin})")
    if text := notice(loaded):
        typer.echo(text, err=True)


def _default(row: tuple[str, str, str]) -> bool:
    return row[2] == "default"
