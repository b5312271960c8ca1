"""`foundry ask`: what do the documents say?"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Annotated

import typer

from services import first_run
from services.bootstrap import open_services
from services.commands import answers, first_account
from services.commands.stack import any_stack
from services.commands.terminal import DataDir, run, say

AsUser = Annotated[str | None, typer.Option("--as", help="E-mail of the person who asks. Default: the administrator.")]


def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    as_user: AsUser = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Ask a question; print the answer with its sources. Exit code 3 when the documents do not answer it."""
    answer = run(_ask(question, as_user, data_dir, json_output))
    typer.echo(answer.as_json() if json_output else f"\n\n{answers.sources(answer)}".rstrip())
    if answer.refused:
        raise typer.Exit(3)


async def _ask(question: str, email: str | None, data_dir: DataDir, quiet: bool) -> answers.ReadAnswer:
    async with any_stack(data_dir, say=say) as stack, AsyncExitStack() as exits:
        if not stack.running:
            await first_account.ensure(stack)
        services = await exits.enter_async_context(open_services())
        principal = await first_run.local_principal(services, email)
        run_ = await services.answering.ask(principal, question)
        return await answers.read(run_.events(), None if quiet else _write)


def _write(text: str) -> None:
    typer.echo(text, nl=False)
