"""`foundry ingest`: how do files and folders come in from a terminal?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer

from core.errors import KnowledgeFoundryError, ValidationError
from core.identity import Principal
from core.states import TaskStatus
from services import setup
from services.audit import ClientInfo
from services.bootstrap import Services, open_services
from services.commands import first_account
from services.commands.ask import AsUser
from services.commands.terminal import DataDir, run, say
from services.embedded.supervisor import Supervisor
from services.stack import processes
from services.stack.opening import any_stack
from services.views.uploads import Receipt

_BLOCK_BYTES = 1024 * 1024
_POLL_S = 0.3


def ingest(
    paths: Annotated[
        list[Path], typer.Argument(help="Files and folders; of folders every file that is not hidden is taken.")
    ],
    as_user: AsUser = None,
    data_dir: DataDir = None,
) -> None:
    """Hand in documents and wait until each is ready or refused. Exit code 1 when one was refused."""
    files = list(_files(paths))
    if not files:
        raise ValidationError("There is no file in what was named.")
    failed = run(_ingest(files, as_user, data_dir))
    typer.echo(f"{len(files) - failed} of {len(files)} documents are ready.")
    if failed:
        raise typer.Exit(1)


def _files(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(inner for inner in path.rglob("*") if inner.is_file() and not inner.name.startswith("."))
        elif path.is_file():
            yield path
        else:
            raise ValidationError(f"There is no file or folder {path}.")


async def _ingest(files: list[Path], email: str | None, data_dir: Path | None) -> int:
    """How many files were refused."""
    async with AsyncExitStack() as exits:
        stack = await exits.enter_async_context(any_stack(data_dir, say=say))
        if not stack.running:
            await first_account.ensure(stack)
            supervisor = await exits.enter_async_context(Supervisor(say))
            await supervisor.start(processes.worker(stack.data_dir))
        services = await exits.enter_async_context(open_services())
        principal = await setup.local_principal(services, email)
        receipts, failed = [], 0
        for path in files:
            try:
                receipts.append(await _upload(services, principal, path))
            except KnowledgeFoundryError as error:
                typer.echo(f"{path}: {error}")
                failed += 1
        for receipt in receipts:
            failed += not await ended_well(services, principal, receipt)
        return failed


async def _upload(services: Services, principal: Principal, path: Path) -> Receipt:
    client = ClientInfo(user_agent="foundry ingest")
    return await services.ingestion.upload(principal, filename=path.name, chunks=_blocks(path), client=client)


async def _blocks(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as stream:
        while block := await asyncio.to_thread(stream.read, _BLOCK_BYTES):
            yield block


async def ended_well(services: Services, principal: Principal, receipt: Receipt) -> bool:
    """Wait for a task, print how it ended, and say whether that was well."""
    while receipt.status.is_under_way:
        await asyncio.sleep(_POLL_S)
        receipt = await services.tasks.receipt(principal, receipt.task_id)
    if receipt.status is TaskStatus.FAILED:
        typer.echo(f"{receipt.filename}: {receipt.error_message} {receipt.next_step or ''}".rstrip())
        return False
    word = "nothing changed" if receipt.unchanged else f"version {receipt.version_number} is ready"
    typer.echo(" ".join((f"{receipt.filename}: {word}.", *receipt.warnings)))
    return True
