"""How are people told what happened, without anybody waiting for it?

Whoever has news leaves it in a bounded queue of the worker and goes on. A task of the worker's loop takes it out, looks
up what is needed, and sends. A notice may be lost with its process or with a service that is away for long: the rows in
the database are the truth, and a lost notice is told in log and metric.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from uuid import UUID

import structlog
from sqlalchemy import select

from config.models import Settings
from config.notifications import UPLOADER, Event, NotificationRule
from core.errors import KnowledgeFoundryError
from core.states import ENDED, TaskStatus, TaskType
from core.telemetry import METRICS
from db.models import DocumentVersion, Task, User
from db.unit_of_work import Database
from plugins.framework.manager import PluginManager, PluginState
from plugins.interfaces import NotificationProvider
from services.notifications.batches import ended_batch
from services.notifications.messages import EndedDocument, Notice, about_batch, about_documents, about_plugin

log = structlog.get_logger(__name__)

MAX_WAITING = 10_000
CLOSE_S = 10.0
"""How long a worker that ends still sends."""
_WANTS_NONE = "notifications"
"""The preference of a person who switched notices off."""

_DELETED = "deleted"
"""Failure of a document that somebody removed while it waited: whoever did it knows."""
SEVERAL = 2
"""Files from which on there is a batch to tell of."""
PARALLEL = 4
"""Notices that one rule sends at once."""

_News = tuple[UUID, UUID] | PluginState
"""Organisation and task of an ingestion that ended, or a plugin that got ill or well."""


async def _mine(_: str) -> bool:
    """Where there is only one process."""
    return True


class Notifications:
    """The worker's mail room.

    Args:
        settings: Those in force, asked for at every use.
        plugins: The manager in force, likewise.
        claim: Takes what only one process is to tell; False when another one does.
    """

    def __init__(
        self,
        database: Database,
        settings: Callable[[], Settings],
        plugins: Callable[[], PluginManager],
        *,
        claim: Callable[[str], Awaitable[bool]] = _mine,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._database = database
        self._settings = settings
        self._plugins = plugins
        self._claim = claim
        self._waiting: asyncio.Queue[_News] = asyncio.Queue(max_waiting)
        self._closing = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()

    @property
    def in_hand(self) -> frozenset[asyncio.Task[None]]:
        """Tasks that use notifiers right now."""
        return frozenset(self._sending)

    def wants(self, *events: Event) -> bool:
        """Whether anybody is to be told of one of these."""
        return any(event in rule.events for rule in self._rules() for event in events)

    def _rules(self) -> list[NotificationRule]:
        """The rules in force: none while notices are off, and none for a notifier that is switched off."""
        settings = self._settings()
        if not settings.feature_flags.notifications:
            return []
        enabled = {entry.name for entry in settings.plugins.notifiers if entry.enabled}
        return [rule for rule in settings.notifications.rules if rule.notifier in enabled]

    def document_ended(self, organization_id: UUID, task_id: UUID) -> None:
        """Sync, and never fails or waits: an ingestion ended, well or not."""
        if self.wants("document.ready", "document.failed", "batch.ended"):
            self._leave((organization_id, task_id), "document")

    def plugin_changed(self, state: PluginState) -> None:
        """Sync, and never fails or waits: a plugin got ill or well."""
        if self.wants("health.alarm", "health.recovered"):
            self._leave(state, "health")

    def _leave(self, news: _News, about: str) -> None:
        try:
            self._waiting.put_nowait(news)
        except asyncio.QueueFull:
            METRICS.notifications.labels("", about, "dropped").inc()
            log.warning("notice_dropped", notice=about, waiting=self._waiting.qsize())

    async def run(self) -> None:
        """Send what comes, until closed. Nothing that goes wrong ends it."""
        while not self._closing.is_set():
            first = await self._next()
            if first is None:
                break
            await _until(self._closing, self._settings().notifications.collect_s)
            await self._send([first, *self._rest()])
        await self._send(self._rest())

    async def close(self, running: asyncio.Task[None]) -> None:
        """Let ``running``, which runs ``run()``, send what is left for a while, then end it."""
        self._closing.set()
        await asyncio.wait({running}, timeout=CLOSE_S)
        if not running.done():
            log.warning("notices_abandoned", waiting=self._waiting.qsize())
            for task in (running, *self._sending):
                task.cancel()
        await asyncio.gather(running, *self._sending, return_exceptions=True)

    async def _next(self) -> _News | None:
        """The next news; None when it closes first."""
        taking = asyncio.create_task(self._waiting.get())
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait({taking, closing}, return_when=asyncio.FIRST_COMPLETED)
            return taking.result() if taking.done() else None
        finally:
            taking.cancel()
            closing.cancel()

    def _rest(self) -> list[_News]:
        return [self._waiting.get_nowait() for _ in range(self._waiting.qsize())]

    async def _send(self, news: Sequence[_News]) -> None:
        if not news:
            return
        sending = asyncio.create_task(self._told(news))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)
        await asyncio.wait({sending})

    async def _told(self, news: Sequence[_News]) -> None:
        try:
            ended = [item for item in news if isinstance(item, tuple)]
            documents = await self._documents(ended)
            batches = await self._batches(documents) if self.wants("batch.ended") else []
            notices = [about_plugin(item) for item in news if isinstance(item, PluginState)]
        except Exception:
            METRICS.notifications.labels("", "document", "failed").inc(len(news))
            log.exception("notices_not_written", notices=len(news))
            return
        # Side by side: one service that is slow does not hold up the others.
        await asyncio.gather(*(self._follow(rule, documents, batches, notices) for rule in self._rules()))

    async def _documents(self, ended: Iterable[tuple[UUID, UUID]]) -> list[EndedDocument]:
        tasks: dict[UUID, list[UUID]] = defaultdict(list)
        for organization_id, task_id in ended:
            tasks[organization_id].append(task_id)
        found: list[EndedDocument] = []
        for organization_id, task_ids in tasks.items():
            statement = (
                select(Task.status, Task.failure_code, DocumentVersion.document_id, DocumentVersion.filename, User)
                .join(DocumentVersion, DocumentVersion.id == Task.version_id)
                .outerjoin(User, User.id == Task.user_id)
                .where(
                    Task.id.in_(task_ids),
                    Task.status.in_(ENDED),
                    # That a document moved to another index is nobody's news.
                    Task.task_type == TaskType.INGEST,
                )
                .order_by(Task.completed_at, Task.id)
            )
            async with self._database.transaction(organization_id) as session:
                rows = (await session.execute(statement)).all()
            for status, code, document_id, filename, user in rows:
                failure = (code or "internal") if status is TaskStatus.FAILED else None
                if failure == _DELETED:
                    continue
                user_id = user.id if user else None
                found.append(EndedDocument(organization_id, document_id, filename, failure, _address(user), user_id))
        return found

    async def _batches(self, documents: Sequence[EndedDocument]) -> list[list[EndedDocument]]:
        """What the uploaders of these handed in together, where all of it is done and nobody else tells of it."""
        batches = []
        last = {(document.organization_id, document.user_id): document for document in documents if document.user_id}
        for (organization_id, user_id), one in last.items():
            async with self._database.transaction(organization_id) as session:
                files = await ended_batch(session, user_id) if user_id else ()
            if len(files) < SEVERAL:
                continue
            if await self._claim(f"foundry:batch:{user_id}:{max(file.completed_at for file in files).isoformat()}"):
                batches.append(
                    [
                        EndedDocument(organization_id, file.document_id, file.filename, file.failure_code, one.uploader)
                        for file in files
                        if file.failure_code != _DELETED
                    ]
                )
        return batches

    async def _follow(
        self,
        rule: NotificationRule,
        documents: Sequence[EndedDocument],
        batches: Sequence[Sequence[EndedDocument]],
        notices: Sequence[Notice],
    ) -> None:
        places = asyncio.Semaphore(PARALLEL)

        async def deliver(recipient: str, notice: Notice) -> None:
            async with places:
                await self._deliver(rule.notifier, recipient, notice)

        fixed = [recipient for recipient in rule.recipients if recipient != UPLOADER]
        wanted = [notice for notice in notices if notice.event in rule.events and not _is_about(notice, rule.notifier)]
        letters = [(recipient, notice) for notice in wanted for recipient in fixed]
        letters += self._letters(rule, documents)
        if "batch.ended" in rule.events:
            letters += [letter for batch in batches for letter in self._about_batch(rule, batch)]
        await asyncio.gather(*(deliver(recipient, notice) for recipient, notice in letters))

    def _letters(self, rule: NotificationRule, documents: Sequence[EndedDocument]) -> list[tuple[str, Notice]]:
        settings = self._settings()
        letters = []
        for event in rule.events:
            alike = [document for document in documents if _event(document) == event]
            for recipient in rule.recipients if alike else ():
                for whom, theirs, named in _shares(recipient, alike, named=settings.notifications.filenames):
                    letters.append((whom, about_documents(theirs, event, settings.chat.url, named=named)))
        return letters

    def _about_batch(self, rule: NotificationRule, batch: Sequence[EndedDocument]) -> list[tuple[str, Notice]]:
        settings = self._settings()
        return [
            (whom, about_batch(theirs, settings.chat.url, named=named))
            for recipient in rule.recipients
            for whom, theirs, named in _shares(recipient, batch, named=settings.notifications.filenames)
        ]

    async def _deliver(self, name: str, recipient: str, notice: Notice) -> None:
        outcome = "sent"
        try:
            notifier: NotificationProvider = self._plugins().get("notifier", name)
            async with asyncio.timeout(self._settings().notifications.timeout_s):
                await notifier.send(recipient, notice.subject, notice.message, notice.facts)
        except (KnowledgeFoundryError, TimeoutError) as error:
            outcome = "failed"
            code = error.code if isinstance(error, KnowledgeFoundryError) else "timeout"
            log.warning("notice_failed", notifier=name, notice=notice.event, reason=code, detail=str(error))
        except Exception:  # a mistake in a plugin must not keep the others from telling
            outcome = "failed"
            log.exception("notifier_broken", notifier=name, notice=notice.event)
        METRICS.notifications.labels(name, notice.event, outcome).inc()


def _shares(
    recipient: str, documents: Sequence[EndedDocument], *, named: bool
) -> list[tuple[str, Sequence[EndedDocument], bool]]:
    """(recipient, documents to tell of, whether by name): everybody who uploaded hears of his own alone."""
    if recipient != UPLOADER:
        return [(recipient, documents, named)]
    own: dict[str, list[EndedDocument]] = defaultdict(list)
    for document in documents:
        if document.uploader is not None:
            own[document.uploader].append(document)
    return [(address, theirs, True) for address, theirs in own.items()]


def _is_about(notice: Notice, notifier: str) -> bool:
    """Whoever is ill cannot be told of it by himself."""
    return (notice.facts.get("kind"), notice.facts.get("plugin")) == ("notifier", notifier)


def _event(document: EndedDocument) -> Event:
    return "document.failed" if document.failure_code else "document.ready"


def _address(user: User | None) -> str | None:
    if user is None or not user.is_active or user.is_deleted or user.preferences.get(_WANTS_NONE) is False:
        return None
    return user.email


async def _until(event: asyncio.Event, seconds: float) -> None:
    """Wait so long, or shorter when the event happens."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
