"""How do commands talk to the person at the terminal, and how are they interrupted?"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

T = TypeVar("T")

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder for all data. Default: the setting storage.data_dir.", show_default=False),
]


class Interrupted(Exception):  # noqa: N818 - not an error: somebody pressed Ctrl-C or sent SIGTERM
    """The command was asked to stop and did."""


def say(text: str) -> None:
    """Print a sentence about what is going on; results go to standard output, this does not."""
    typer.echo(text, err=True)


def counted(what: str) -> Callable[[int, int], None]:
    """Says how many are done: in one line that is written over, or where nobody looks, at each tenth."""
    told = -1

    def tell(done: int, total: int) -> None:
        nonlocal told
        line, tenth = f"{what}: {done} of {total}", done * 10 // max(total, 1)
        if sys.stderr.isatty():
            typer.echo(f"\r{line}", nl=done == total, err=True)
        elif tenth > told:
            say(line)
        told = max(told, tenth)

    return tell


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command to its end, or until Ctrl-C, SIGTERM or a closed terminal; then it may clean up in peace.

    Raises:
        Interrupted: It was stopped.
    """
    return asyncio.run(_interruptible(work))


async def _interruptible(work: Coroutine[Any, Any, T]) -> T:
    task, loop = asyncio.ensure_future(work), asyncio.get_running_loop()
    asked: list[signal.Signals] = []

    def ask(number: signal.Signals) -> None:
        # Only the first one cancels: a second must not interrupt the cleaning up.
        if not asked:
            task.cancel()
        say("Stopping …" if not asked else "Already stopping; a moment.")
        asked.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ask, number)
    try:
        return await task
    except asyncio.CancelledError:
        if asked:
            raise Interrupted from None
        raise
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)
        sys.stderr.flush()
