"""`foundry organization`: how does the operator see organisations, limit one, and delete one?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from redis.asyncio import Redis

from core.errors import NotFoundError
from db.engine import create_engine
from db.maintenance import MaintenanceDatabase
from services.accounts.organization_limits import OrganizationLimits, set_limits
from services.audit import ClientInfo
from services.bootstrap import Services, open_services
from services.commands.terminal import DataDir, run, say
from services.connections import maintenance_address, redis_url
from services.deletion.inventory import Stores
from services.deletion.organizations import OrganizationDeletion
from services.stack.opening import any_stack
from services.views.deletion import DeletionView

app = typer.Typer(
    no_args_is_help=True, help="List organisations; set the limits of one; delete one with everything it has."
)


@app.command(name="list")
def list_organizations(data_dir: DataDir = None) -> None:
    """List all organisations."""
    for organization_id, name, begun in run(_list(data_dir)):
        typer.echo(f"{organization_id}  {name}{'  (being deleted)' if begun else ''}")


@app.command()
def delete(
    name: Annotated[str, typer.Argument(help="Its name or id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Delete an organisation: people, documents, vectors, files, conversations. It cannot be taken back."""
    if not yes:
        typer.confirm(f"Delete {name} with everything it has? This cannot be taken back.", abort=True)
    receipt = run(_delete(name, data_dir))
    for store, count in sorted(receipt.removed.items()):
        typer.echo(f"{count:>8}  {store}")
    typer.echo(
        f"Nothing of it is left. Receipt {receipt.id}. Backups hold it until {receipt.backups_until} at the latest, "
        "if they are kept as storage.backup_days says."
    )


@app.command()
def limits(
    name: Annotated[str, typer.Argument(help="Its name or id.")],
    max_users: Annotated[int | None, typer.Option(help="People it may have.", show_default=False)] = None,
    max_documents: Annotated[int | None, typer.Option(help="Documents it may hold.", show_default=False)] = None,
    data_dir: DataDir = None,
) -> None:
    """Say how many people and documents an organisation may have, and change it; in force at once."""
    now = run(_limits(name, max_users, max_documents, data_dir))
    typer.echo(f"{name}: {now.max_users:,} people, {now.max_documents:,} documents at most.")


async def _limits(
    name: str, max_users: int | None, max_documents: int | None, data_dir: Path | None
) -> OrganizationLimits:
    async with _opened(data_dir) as (services, deletion):
        return await set_limits(
            services.database,
            await _named(deletion, name),
            max_users=max_users,
            max_documents=max_documents,
            client=ClientInfo(user_agent="foundry organization limits"),
        )


async def _list(data_dir: Path | None) -> Sequence[tuple[UUID, str, bool]]:
    async with _opened(data_dir) as (_, deletion):
        return await deletion.organizations()


async def _delete(name: str, data_dir: Path | None) -> DeletionView:
    async with _opened(data_dir) as (_, deletion):
        return await deletion.delete(await _named(deletion, name), requested_by="command line")


async def _named(deletion: OrganizationDeletion, name: str) -> UUID:
    known = await deletion.organizations()
    found = [one for one, known_name, _ in known if name in (known_name, str(one))]
    if len(found) != 1:
        raise NotFoundError(
            f"{len(found)} organisations are called {name}.",
            next_step="Name one by its id; see: foundry organization list",
        )
    return found[0]


@asynccontextmanager
async def _opened(data_dir: Path | None) -> AsyncIterator[tuple[Services, OrganizationDeletion]]:
    async with any_stack(data_dir, say=say) as stack, open_services() as services:
        redis = Redis.from_url(redis_url(stack.settings))
        database = MaintenanceDatabase(create_engine(maintenance_address(stack.settings), pool_size=1))
        try:
            stores = Stores(services.indexes, services.blobs, services.queue, redis)
            yield services, OrganizationDeletion(database, stores, backup_days=stack.settings.storage.backup_days)
        finally:
            await database.close()
            await redis.aclose()
