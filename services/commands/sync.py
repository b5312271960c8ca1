"""`foundry sync`: how does a folder stay in step with the documents?"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer

from core.errors import ConflictError, ValidationError
from services import setup
from services.bootstrap import open_services
from services.commands import first_account
from services.commands.ask import AsUser
from services.commands.ingest import ended_well
from services.commands.terminal import DataDir, run, say
from services.documents.folder_sync import FolderSync, SyncReport
from services.embedded.supervisor import Supervisor
from services.stack import processes
from services.stack.opening import any_stack

LOOK_S = 5.0


def sync(
    folder: Annotated[Path, typer.Argument(help="Folder whose files are the documents; subfolders too.")],
    collection: Annotated[
        str | None, typer.Option("--collection", help="Name of the collection. Default: General.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, and look every five seconds.")] = False,
    keep_gone: Annotated[bool, typer.Option("--keep-gone", help="Keep documents whose files are gone.")] = False,
    as_user: AsUser = None,
    data_dir: DataDir = None,
) -> None:
    """Hand in what is new or changed in a folder, delete what is gone. Exit code 1 when a file was refused."""
    if run(_sync(folder, collection, watch=watch, keep_gone=keep_gone, email=as_user, data_dir=data_dir)):
        raise typer.Exit(1)


async def _sync(
    folder: Path, collection: str | None, *, watch: bool, keep_gone: bool, email: str | None, data_dir: Path | None
) -> int:
    """How many files were refused."""
    async with AsyncExitStack() as exits:
        stack = await exits.enter_async_context(any_stack(data_dir, say=say))
        if not stack.running:
            await first_account.ensure(stack)
            supervisor = await exits.enter_async_context(Supervisor(say))
            await supervisor.start(processes.worker(stack.data_dir))
        services = await exits.enter_async_context(open_services())
        principal = await setup.local_principal(services, email)
        collection_id = None
        if collection is not None:
            known = {one.name: one.id for one in await services.documents.list_collections(principal)}
            if collection not in known:
                raise ValidationError(
                    f"There is no collection {collection}.", next_step=f"There are: {', '.join(sorted(known))}."
                )
            collection_id = known[collection]
        kept = FolderSync(
            services.database,
            services.ingestion,
            services.documents,
            principal,
            folder,
            collection_id=collection_id,
            remove_gone=not keep_gone,
        )
        refused = 0
        while True:
            try:
                report = await kept.run()
            except (ConflictError, ValidationError) as error:
                if not watch:
                    raise
                say(str(error))
            else:
                refused += _tell(report, always=not watch)
                for receipt in report.received:
                    refused += not await ended_well(services, principal, receipt)
            if not watch:
                return refused
            await asyncio.sleep(LOOK_S)


def _tell(report: SyncReport, *, always: bool) -> int:
    for name, reason in report.refused.items():
        typer.echo(f"{name}: {reason}")
    for name in report.removed:
        typer.echo(f"{name}: gone, and deleted.")
    if always or report.received or report.removed or report.refused:
        typer.echo(
            f"{len(report.received)} handed in, {len(report.removed)} deleted, {len(report.refused)} refused, "
            f"{report.unchanged} unchanged."
        )
    return len(report.refused)
