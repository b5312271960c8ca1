"""What does `foundry` understand?

Exit codes: 0 well; 1 something is wrong, said in one readable message on standard error; 2 the command line is wrong;
3 the documents do not answer the question; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import structlog
import typer

from core.errors import KnowledgeFoundryError
from services.commands import config, eval, user
from services.commands.ask import ask
from services.commands.doctor import doctor
from services.commands.ingest import ingest
from services.commands.migrate import migrate
from services.commands.terminal import Interrupted
from services.commands.up import up

app = typer.Typer(
    name="foundry",
    help="Knowledge Foundry: drop in documents, ask, and open the page behind every answer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(up)
app.command()(ask)
app.command()(ingest)
app.command()(migrate)
app.command()(doctor)
app.add_typer(config.app, name="config")
app.add_typer(eval.app, name="eval")
app.add_typer(user.app, name="user")


@app.callback()
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
    try:
        app(args=given, prog_name="foundry")
    except KnowledgeFoundryError as error:
        if "--debug" in given:
            raise
        typer.echo(f"foundry: {error}", err=True)
        sys.exit(1)
    except Interrupted:
        sys.exit(130)


if __name__ == "__main__":
    main()
