"""`foundry maintain`: how is upkeep done now, and what did it find?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from core.errors import ConflictError
from db.engine import create_engine
from db.maintenance import MaintenanceDatabase
from services.bootstrap import open_services
from services.commands.terminal import DataDir, run, say
from services.connections import maintenance_address
from services.maintenance.findings import MaintenanceKind
from services.maintenance.jobs import rounds_of
from services.stack.opening import any_stack
from services.views.operations import MaintenanceView


def maintain(
    kind: Annotated[MaintenanceKind | None, typer.Argument(help="Kind of upkeep. Default: all.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Put vectors, statistics and files right, remove what has expired or is kept no longer.

    Exit code 1 when something stays wrong.
    """
    reports = run(_maintain([kind] if kind else list(MaintenanceKind), data_dir))
    for report in reports:
        typer.echo(f"{report.kind}: {report.found} found, {report.repaired} put right")
        for what, count in sorted(report.details.items()):
            typer.echo(f"{count:>8}  {what}")
        if report.error:
            typer.echo(f"          broken off: {report.error}")
    if any(report.error or report.found > report.repaired for report in reports):
        raise typer.Exit(1)


async def _maintain(kinds: Sequence[MaintenanceKind], data_dir: Path | None) -> list[MaintenanceView]:
    async with any_stack(data_dir, say=say) as stack, open_services() as services:
        database = MaintenanceDatabase(create_engine(maintenance_address(stack.settings), pool_size=3))
        try:
            settings = services.settings
            rounds = rounds_of(
                database, services.stores, settings.maintenance, backup_days=settings.storage.backup_days
            )
            reports = []
            for kind in kinds:
                report = await rounds.run_one(kind)
                if report is None:
                    raise ConflictError(
                        "A worker is at it right now.", next_step="Wait until its round has ended, and try again."
                    )
                reports.append(report)
            return reports
        finally:
            await database.close()
