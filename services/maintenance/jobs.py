"""Which rounds of upkeep does an installation have?

One of the modules that look across organisations.
"""

from __future__ import annotations

from datetime import timedelta

from config.infrastructure import MaintenanceSettings
from db.maintenance import MaintenanceDatabase
from services.deletion.inventory import Stores
from services.deletion.resume import Unfinished
from services.maintenance.expired import remove_expired
from services.maintenance.files import FileUpkeep
from services.maintenance.findings import MaintenanceKind
from services.maintenance.retention import Retention, VersionRule
from services.maintenance.rounds import Rounds
from services.maintenance.statistics import recount
from services.maintenance.vectors import VectorUpkeep

HOUR_S = 3600.0


def rounds_of(
    database: MaintenanceDatabase, stores: Stores, settings: MaintenanceSettings, *, backup_days: int
) -> Rounds:
    """All kinds, as the settings say.

    Args:
        backup_days: So long backups are kept, which receipts of deletions say.
    """
    days = settings.keep_versions_days
    purge = Unfinished(database, stores, backup_days=backup_days).purge
    rule = VersionRule(settings.keep_versions, None if days is None else timedelta(days=days))
    jobs = {
        MaintenanceKind.EXPIRED: lambda: remove_expired(database),
        MaintenanceKind.RETENTION: Retention(database, purge, rule).run,
        MaintenanceKind.VECTORS: VectorUpkeep(database, stores.indexes).run,
        MaintenanceKind.STATISTICS: lambda: recount(database),
        MaintenanceKind.FILES: FileUpkeep(database, stores.blobs, unused_s=settings.unused_file_hours * HOUR_S).run,
    }
    return Rounds(database, jobs, every=timedelta(hours=settings.every_hours))
