"""`foundry ask`: what do the documents say?"""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime, time
from typing import Annotated

import typer

from core.errors import ValidationError
from core.events import Outcome
from services import setup
from services.bootstrap import open_services
from services.commands import answers, first_account
from services.commands.terminal import DataDir, run, say
from services.stack.opening import any_stack

AsUser = Annotated[
    str | None, typer.Option("--as", help="E-mail of the person it is done for. Default: the first administrator.")
]


AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="TIME",
        help="Answer from the documents as they stood then: 2026-03-31T12:00+02:00; without a zone in that of this"
        " machine; a date alone means the end of that day.",
    ),
]


def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    as_user: AsUser = None,
    as_of: AsOf = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Ask a question; print the answer with its sources. Exit code 3 when the documents do not answer it."""
    moment = moment_of(as_of) if as_of else None
    answer = run(_ask(question, as_user, moment, data_dir, json_output))
    typer.echo(answer.as_json() if json_output else f"\n\n{answers.sources(answer)}".rstrip())
    if answer.outcome not in (Outcome.ANSWERED, Outcome.TOLD):
        raise typer.Exit(3)


def moment_of(text: str) -> datetime:
    """The moment a person means.

    Raises:
        ValidationError: It is none.
    """
    try:
        moment = datetime.fromisoformat(text)
        zoned = moment.astimezone()
    except (ValueError, OverflowError):
        raise ValidationError(
            f"“{text}” is no time.", next_step="Write it like 2026-03-31, 2026-03-31T12:00 or 2026-03-31T12:00+02:00."
        ) from None
    if len(text) <= len("2026-03-31"):
        # Of today the end is to come; what is meant is now.
        return min(datetime.combine(moment, time.max).astimezone(), datetime.now(UTC))
    return zoned


async def _ask(
    question: str, email: str | None, as_of: datetime | None, data_dir: DataDir, quiet: bool
) -> answers.ReadAnswer:
    async with any_stack(data_dir, say=say) as stack, AsyncExitStack() as exits:
        if not stack.running:
            await first_account.ensure(stack)
        services = await exits.enter_async_context(open_services())
        principal = await setup.local_principal(services, email)
        run_ = await services.answering.ask(principal, question, as_of=as_of)
        answer = await answers.read(run_.events(), None if quiet else _write)
        answer.as_of = run_.as_of
        return answer


def _write(text: str) -> None:
    typer.echo(text, nl=False)
