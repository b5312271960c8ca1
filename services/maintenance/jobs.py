"""Which rounds of upkeep does an installation have?

One of the modules that look across organisations.
"""

from __future__ import annotations

from datetime import timedelta

from redis.asyncio import Redis

from db.maintenance import MaintenanceDatabase
from services.bootstrap import Services
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


def unfinished_of(services: Services, database: MaintenanceDatabase, redis: Redis) -> Unfinished:
    """Deletions that wait to be gone on with."""
    stores = Stores(services.indexes, services.blobs, services.queue, redis)
    return Unfinished(database, stores, backup_days=services.settings.storage.backup_days)


def rounds_of(services: Services, database: MaintenanceDatabase, redis: Redis) -> Rounds:
    """All kinds, as the settings say."""
    settings = services.settings.maintenance
    days = settings.keep_versions_days
    rule = VersionRule(settings.keep_versions, None if days is None else timedelta(days=days))
    jobs = {
        MaintenanceKind.EXPIRED: lambda: remove_expired(database),
        MaintenanceKind.RETENTION: Retention(database, unfinished_of(services, database, redis).purge, rule).run,
        MaintenanceKind.VECTORS: VectorUpkeep(database, services.indexes).run,
        MaintenanceKind.STATISTICS: lambda: recount(database),
        MaintenanceKind.FILES: FileUpkeep(database, services.blobs, unused_s=settings.unused_file_hours * HOUR_S).run,
    }
    return Rounds(database, jobs, every=timedelta(hours=settings.every_hours))
