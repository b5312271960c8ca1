"""What does a worker process hold, and what does it do besides reading documents?

The second composition root: ``services.bootstrap`` opens what every process has, this what only a worker has.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog

from config.loader import LoadedSettings, load_settings
from config.models import Settings
from config.plugins import PluginEntry
from core.background import end
from core.errors import DocumentError
from core.plugin_kinds import entry_key
from core.security.content_type import ACCEPTED, SUFFIXES
from core.telemetry import job
from core.types import EmbeddedFileKind, ParsedDocument
from db.engine import create_engine
from db.maintenance import MaintenanceDatabase
from plugins.framework.references import resolve, validate_options
from plugins.interfaces import DocumentParser
from plugins.parser.parts import EmbeddedFileLimits
from plugins.parser.sandbox.pool import ParseLimits, ParserPool
from services.bootstrap import Services
from services.connections import maintenance_address, queue_url
from services.deletion.resume import Unfinished
from services.fallbacks import preferred
from services.indexing.pipeline import Ended, IngestionPipeline, Parse, Take, rules_for
from services.maintenance.jobs import rounds_of
from services.maintenance.rounds import Rounds
from services.notifications.notifications import Notifications
from services.reload import ServiceReloader, open_reloader
from services.tasks.leases import LeaseKeeper
from services.worker.dispatcher import Dispatcher
from services.worker.index_migration import IndexMigrator
from services.worker.plugin_alarms import HealthAlarms, claimed
from services.worker.superseded import Superseded
from services.worker.sweep import Sweep

log = structlog.get_logger(__name__)

BEAT_S, LOOK_S, COUNT_S = 5.0, 10.0, 10.0
PARALLEL_DOCUMENTS = 4
"""Documents in hand at once: while one is parsed or written, others are embedded."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What the process around a worker needs to know."""

    redis_url: str
    queues: tuple[str, ...]
    log_level: str
    log_format: Literal["json", "console"]
    log_output: str
    metrics_host: str
    metrics_port: int | None
    """None: metrics are not offered."""


def worker_settings() -> WorkerSettings:
    """Read the settings.

    Raises:
        ConfigurationError: They are wrong or name no Redis.
    """
    settings = load_settings().settings
    logging, metrics = settings.observability.logging, settings.observability.metrics
    return WorkerSettings(
        queue_url(settings),
        settings.queue.names,
        logging.level,
        logging.format,
        logging.output,
        metrics.host,
        metrics.port if metrics.enabled else None,
    )


class Worker:
    """Worker of a process: reads documents (``dispatcher``), sweeps, says that it is alive."""

    def __init__(
        self,
        database: MaintenanceDatabase,
        pipeline: IngestionPipeline,
        sweep: Sweep,
        migrator: IndexMigrator,
        superseded: Superseded,
        unfinished: Unfinished,
        rounds: Rounds,
        *,
        sweep_interval_s: float,
        spare_mb: float = 0.0,
    ) -> None:
        self._pipeline = pipeline
        self._sweep = sweep
        self._migrator = migrator
        self._superseded = superseded
        self._unfinished, self._rounds = unfinished, rounds
        self._interval = sweep_interval_s
        self.dispatcher = Dispatcher(database, lambda: self._pipeline, places=PARALLEL_DOCUMENTS, spare_mb=spare_mb)
        self._name = f"{socket.gethostname()}-{os.getpid()}"

    def use(
        self,
        pipeline: IngestionPipeline,
        migrator: IndexMigrator,
        superseded: Superseded,
        unfinished: Unfinished,
        rounds: Rounds,
    ) -> None:
        """Begin tasks with another pipeline from now on; those in hand keep theirs."""
        self._pipeline, self._migrator, self._superseded = pipeline, migrator, superseded
        self._unfinished, self._rounds = unfinished, rounds

    async def keep_house(self) -> None:
        """Beat, sweep and move until cancelled; a store that is away is tried again."""
        await asyncio.gather(
            every(lambda: BEAT_S, lambda: self._sweep.beat(self._name)),
            every(lambda: COUNT_S, self.dispatcher.count_waiting),
            every(lambda: self._interval, _counted("sweep", lambda: self._sweep.run())),
            every(lambda: self._interval, _counted("index_moves", lambda: self._migrator.run())),
            every(lambda: self._interval, _counted("superseded_vectors", lambda: self._superseded.run())),
            every(lambda: self._interval, _counted("unfinished_deletions", lambda: self._unfinished.run())),
            every(lambda: LOOK_S, lambda: self._rounds.run()),
        )


@asynccontextmanager
async def open_worker(loaded: LoadedSettings | None = None) -> AsyncIterator[Worker]:
    """Services, parser children and the maintenance role, for one worker process."""
    async with open_reloader(loaded) as live:
        services = live()
        settings = services.settings
        pool = _parser_pool(settings)
        maintenance = MaintenanceDatabase(create_engine(maintenance_address(settings), pool_size=3))
        try:
            notices = Notifications(
                services.database,
                lambda: live().settings,
                lambda: live().plugins,
                claim=lambda what: claimed(live.redis, what),
            )
            pipeline = _pipeline(services, _parse_with(settings, pool), notices.document_ended)
            sweep = Sweep(maintenance, services.queue)
            worker = Worker(
                maintenance,
                pipeline,
                sweep,
                _migrator(services, maintenance),
                Superseded(maintenance, services.indexes),
                _unfinished(services, maintenance),
                _rounds(services, maintenance),
                sweep_interval_s=settings.queue.sweep_interval_s,
                spare_mb=settings.ingestion.spare_memory_mb,
            )
            live.follow(
                lambda new: worker.use(
                    _pipeline(new, _parse_with(new.settings, pool), notices.document_ended),
                    _migrator(new, maintenance),
                    Superseded(maintenance, new.indexes),
                    _unfinished(new, maintenance),
                    _rounds(new, maintenance),
                ),
                lambda: worker.dispatcher.in_hand | notices.in_hand,
            )
            house = asyncio.create_task(worker.keep_house())
            async with _telling(live, notices):
                try:
                    yield worker
                finally:
                    await end(house)
                    await worker.dispatcher.drain()
        finally:
            await pool.close()
            await maintenance.close()


@asynccontextmanager
async def _telling(live: ServiceReloader, notices: Notifications) -> AsyncIterator[None]:
    """Send notices and look after the plugins' health beside the block, and send what is left after it."""
    alarms = HealthAlarms(lambda: live().plugins.check(), notices.plugin_changed, live.redis)

    async def look() -> None:
        if notices.wants("health.alarm", "health.recovered"):
            await alarms.look()

    sending = asyncio.create_task(notices.run(), name="notices")
    looking = asyncio.create_task(every(lambda: live().settings.notifications.health_interval_s, look))
    try:
        yield
    finally:
        await end(looking)
        await notices.close(sending)


async def every(seconds: Callable[[], float], work: Callable[[], Awaitable[object]]) -> None:
    """Until cancelled; what fails is tried again."""
    while True:
        try:
            await work()
        except Exception:
            log.warning("housekeeping_failed", exc_info=True)
        await asyncio.sleep(seconds())


def _counted(kind: str, work: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
    """The same work, each round of it counted as a job."""

    async def run() -> None:
        with job(kind):
            await work()

    return run


def _parser_pool(settings: Settings) -> ParserPool:
    ingestion = settings.ingestion
    limits = ParseLimits(ingestion.parse_memory_mb, ingestion.parse_cpu_s, ingestion.parse_wall_s)
    return ParserPool(ingestion.parse_processes or _readers(len(os.sched_getaffinity(0))), limits)


def _readers(processors: int) -> int:
    """Files read side by side: one that is slow to read holds up no other, and half of the machine is for the model."""
    return max(min(2, processors), processors // 2)


def _parse_with(settings: Settings, pool: ParserPool) -> Parse:
    """The first enabled parser that reads the type, in a limited child; who names the type comes before the others."""
    parsers = _parsers(settings)
    limits = _part_limits(settings)

    async def parse(path: Path, mime_type: str, take: Take) -> ParsedDocument:
        for entry, parser in preferred([(item[0], item) for item in parsers], mime_type):
            if parser.supports_mime_type(mime_type):
                suffix = SUFFIXES.get(mime_type, "")
                return await pool.parse(entry.plugin, entry.config, path, suffix=suffix, limits=limits, take=take)
        raise DocumentError(
            f"No enabled parser reads {mime_type}.", failure_code="unsupported_type", next_step=ACCEPTED
        )

    return parse


def _part_limits(settings: Settings) -> EmbeddedFileLimits:
    ingestion = settings.ingestion
    wanted = {EmbeddedFileKind.ATTACHED: ingestion.read_attachments, EmbeddedFileKind.PACKED: ingestion.unpack_archives}
    kinds = frozenset(kind for kind, allowed in wanted.items() if allowed)
    return EmbeddedFileLimits(kinds, file_bytes=ingestion.max_file_bytes, types=ingestion.supported_mime_types)


def _parsers(settings: Settings) -> list[tuple[PluginEntry, DocumentParser]]:
    """All enabled parsers that can be built; a broken one is left out, and its types go to the others."""
    built = []
    for entry in settings.plugins.document_parsers:
        if entry.enabled:
            try:
                kind = resolve(entry.plugin)
                options = validate_options(kind, entry.config, entry_key("parser", entry.name))
                built.append((entry, kind(options, None)))
            except Exception as error:  # whatever a plugin raises is its own trouble
                log.warning("parser_broken", plugin=entry.name, reason=str(error))
    return built


def _migrator(services: Services, maintenance: MaintenanceDatabase) -> IndexMigrator:
    return IndexMigrator(
        maintenance, services.queue, services.indexes, str(rules_for(services.settings, services.embedding))
    )


def _unfinished(services: Services, maintenance: MaintenanceDatabase) -> Unfinished:
    return Unfinished(maintenance, services.stores, backup_days=services.settings.storage.backup_days)


def _rounds(services: Services, maintenance: MaintenanceDatabase) -> Rounds:
    settings = services.settings
    return rounds_of(maintenance, services.stores, settings.maintenance, backup_days=settings.storage.backup_days)


def _pipeline(services: Services, parse: Parse, ended: Ended) -> IngestionPipeline:
    queue = services.settings.queue
    return IngestionPipeline(
        database=services.database,
        blobs=services.blobs,
        leases=LeaseKeeper(
            services.database,
            owner=f"{socket.gethostname()}-{os.getpid()}",
            lease_s=queue.lease_s,
            heartbeat_s=queue.heartbeat_s,
        ),
        parse=parse,
        embedding=services.embedding,
        indexes=services.indexes,
        lexical=services.lexical,
        rules=rules_for(services.settings, services.embedding),
        settings=services.settings.ingestion,
        ended=ended,
        max_attempts=queue.max_attempts,
        timeout_s=queue.job_timeout_s,
    )
