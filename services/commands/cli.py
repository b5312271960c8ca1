"""What does `foundry` understand?

Exit codes: 0 well; 1 something is wrong, said in one readable message on standard error; 2 the command line is wrong;
3 the documents do not answer the question; 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import structlog
import typer

from core.errors import KnowledgeFoundryError
from services.commands.terminal import Interrupted

COMMANDS = ("up", "ask", "ingest", "sync", "migrate", "doctor", "maintain")
GROUPS = ("config", "eval", "user", "organization", "plugins")


def application(wanted: str = "") -> typer.Typer:
    """The command line; when ``wanted`` is a command, with that one alone, since importing all takes seconds."""
    app = typer.Typer(
        name="foundry",
        help="Knowledge Foundry: drop in documents, ask, and open the page behind every answer.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(options)
    chosen = {wanted} if wanted in (*COMMANDS, *GROUPS) else {*COMMANDS, *GROUPS}
    for name in COMMANDS:
        if name in chosen:
            app.command(name)(getattr(importlib.import_module(f"services.commands.{name}"), name))
    for name in GROUPS:
        if name in chosen:
            app.add_typer(importlib.import_module(f"services.commands.{name}").app, name=name)
    return app


def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from, and all log lines.")] = False,
) -> None:
    """Options of every command."""
    # Commands speak in sentences; log lines between them are for whoever looks for a fault.
    level = "debug" if debug else os.environ.get("FOUNDRY_CLI_LOG", "critical")
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    wanted = next((argument for argument in given if not argument.startswith("-")), "")
    try:
        application(wanted)(args=given, prog_name="foundry")
    except KnowledgeFoundryError as error:
        if "--debug" in given:
            raise
        typer.echo(f"foundry: {error}", err=True)
        sys.exit(1)
    except Interrupted:
        sys.exit(130)


if __name__ == "__main__":
    main()
