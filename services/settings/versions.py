"""How are settings changed from inside, so that every change can be explained and taken back?

A change is a set of dotted keys with new values. It is checked as the files are, by loading all layers with it; saved
as a version that says who, when and why; and taken up by every process within seconds. Nothing is overwritten: to take
a change back is to save the content of an earlier version again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis.asyncio import Redis
from sqlalchemy import func, select, text

from config.later import later_keys
from config.loader import LoadedSettings, load_settings
from config.models import KINDS, PluginEntry, Settings
from config.reading.translations import todays_change, todays_content
from config.show import effective
from core.errors import ConfigurationError, ConflictError, NotFoundError, ValidationError
from core.identity import Principal, Role, Scope
from core.types import JsonValue
from db.models import DocumentVersion, SettingsVersion
from db.unit_of_work import Database
from services.audit import ClientInfo, record
from services.settings.store import SavedSettings, saved
from services.settings.watcher import announce

DEPLOYMENT_SECTIONS = ("app", "storage", "chat", "admin", "database", "redis", "queue", "observability")
"""They say where things run: the operator's files and environment set them, and a process reads them once."""
DEPLOYMENT_KEYS = ("auth.jwt_secret_key",)
MAX_REASON = 500
_LOCKED = ("environment variable", "file named by")
_ONE_AT_A_TIME = 7_310_277


@dataclass(frozen=True, slots=True)
class Change:
    """One key before and after; secrets are masked in both."""

    key: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a change would do.

    Attributes:
        rebuilt: ``kind/name`` of the plugins that would be built anew, started or closed.
        reembedded: How many documents of the caller's organisation would be read anew, answering all the while.
    """

    changes: tuple[Change, ...]
    rebuilt: tuple[str, ...]
    reembedded: int = 0


@dataclass(frozen=True, slots=True)
class Version:
    """A version as people see it."""

    number: int
    created_at: datetime
    user_id: str
    reason: str
    changes: tuple[Change, ...]
    restored_number: int | None


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting in force. ``locked`` names what keeps it from being changed here; empty when nothing does."""

    key: str
    value: str
    origin: str
    locked: str


class SettingsService:
    """Shows, tries, saves and takes back."""

    def __init__(self, database: Database, redis: Redis, *, chunk_window: int) -> None:
        """``chunk_window`` is how many tokens of a chunk the embedding model reads: longer ones are never cut."""
        self._database = database
        self._redis = redis
        self._chunk_window = chunk_window

    async def show(self, principal: Principal) -> tuple[Setting, ...]:
        """Every setting with value, origin and what locks it; secrets are masked."""
        _require(principal)
        loaded = load_settings(saved=(await saved(self._database)).content)
        return tuple(Setting(key, value, origin, _lock(key, origin)) for key, value, origin in effective(loaded))

    async def preview(self, principal: Principal, changes: Mapping[str, JsonValue]) -> Preview:
        """What these changes would do; nothing is saved.

        Raises:
            ValidationError: They are wrong, every mistake listed, or one of the keys cannot be changed here.
        """
        _require(principal)
        changes = _in_todays_names(changes)
        current = await self._saved()
        before = load_settings(saved=current.content)
        return await self._preview(principal, before, _loaded(before, _with(current.content, changes), changes))

    async def save(
        self,
        principal: Principal,
        changes: Mapping[str, JsonValue],
        *,
        reason: str,
        expected: int | None = None,
        client: ClientInfo,
    ) -> Version:
        """Save changes as the next version; null takes a key back to what the files say.

        Args:
            expected: Number of the version the changes were made against.

        Raises:
            ConflictError: Somebody else saved in between.
            ValidationError: Wrong values, no reason, no change, or a key that cannot be changed here.
        """
        _require(principal)
        changes = _in_todays_names(changes)
        current = await self._saved()
        content = _with(current.content, changes)
        return await self._store(principal, current, content, changes, reason, expected, None, client)

    async def restore(self, principal: Principal, number: int, *, reason: str, client: ClientInfo) -> Version:
        """Put the content of an earlier version in force again; 0 is what the files say.

        Raises:
            NotFoundError: There is no such version.
            ValidationError: It does not fit the files of today any more.
        """
        _require(principal)
        content: dict[str, JsonValue] = {}
        if number:
            async with self._database.transaction(principal.organization_id) as session:
                found = await session.scalar(select(SettingsVersion.content).where(SettingsVersion.number == number))
            if found is None:
                raise NotFoundError(f"There is no version {number} of the settings.")
            content = todays_content(found)
        current = await self._saved()
        return await self._store(principal, current, content, {}, reason, None, number, client)

    async def history(self, principal: Principal, *, limit: int = 50) -> tuple[Version, ...]:
        """The newest versions first."""
        _require(principal)
        async with self._database.transaction(principal.organization_id) as session:
            rows = await session.scalars(select(SettingsVersion).order_by(SettingsVersion.number.desc()).limit(limit))
            return tuple(_version(row) for row in rows)

    async def _store(
        self,
        principal: Principal,
        current: SavedSettings,
        content: dict[str, Any],
        changes: Mapping[str, JsonValue],
        reason: str,
        expected: int | None,
        restored: int | None,
        client: ClientInfo,
    ) -> Version:
        if not 0 < len(reason.strip()) <= MAX_REASON:
            raise ValidationError(f"Say in up to {MAX_REASON} characters why; whoever comes after you will ask.")
        before = load_settings(saved=current.content)
        preview = await self._preview(principal, before, _loaded(before, content, changes))
        if not preview.changes:
            raise ValidationError("These settings are in force already; there is nothing to save.")
        async with self._database.transaction(principal.organization_id) as session:
            await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
            newest = await session.scalar(text("SELECT number FROM current_settings()")) or 0
            if newest != current.number or (expected is not None and newest != expected):
                raise ConflictError(
                    "Somebody else saved settings meanwhile.", next_step="Look at them, then make your change again."
                )
            row = SettingsVersion(
                organization_id=principal.organization_id,
                user_id=principal.user_id,
                content=content,
                changes={change.key: [change.before, change.after] for change in preview.changes},
                reason=reason.strip(),
                restored_number=restored,
            )
            session.add(row)
            await session.flush()
            await session.refresh(row)
            record(
                session,
                organization_id=principal.organization_id,
                user_id=principal.user_id,
                action="updated",
                resource_type="settings",
                resource_id=row.id,
                client=client,
                before={change.key: change.before for change in preview.changes},
                after={change.key: change.after for change in preview.changes},
            )
            version = _version(row)
        await announce(self._redis, version.number)
        return version

    async def _saved(self) -> SavedSettings:
        """The version in force, in the names of today: what is changed or taken back must find what was there."""
        found = await saved(self._database)
        return SavedSettings(found.number, todays_content(found.content))

    async def _preview(self, principal: Principal, before: LoadedSettings, after: LoadedSettings) -> Preview:
        old = {key: value for key, value, _ in effective(before)}
        new = {key: value for key, value, _ in effective(after)}
        changes = tuple(
            Change(key, old.get(key, ""), new.get(key, ""))
            for key in sorted(old.keys() | new.keys())
            if old.get(key) != new.get(key)
        )
        # What holds keys now and was empty before is named by its keys alone.
        changes = tuple(c for c in changes if not any(other.key.startswith(f"{c.key}.") for other in changes))
        rebuilt = tuple(_rebuilt(before.settings, after.settings))
        moved = any(name.startswith("embedding/") for name in rebuilt) or self._placed(before) != self._placed(after)
        return Preview(changes, rebuilt, await self._documents(principal) if moved else 0)

    def _placed(self, loaded: LoadedSettings) -> tuple[object, ...]:
        """Where vectors are kept and how documents are cut."""
        settings, cut = loaded.settings, loaded.settings.ingestion
        size = min(cut.chunk_size, self._chunk_window)
        whole = min(cut.max_chunk_size, self._chunk_window)
        return settings.vector_db.provider, size, cut.chunk_overlap, cut.min_chunk_size, whole

    async def _documents(self, principal: Principal) -> int:
        async with self._database.transaction(principal.organization_id) as session:
            statement = select(func.count(func.distinct(DocumentVersion.document_id)))
            return await session.scalar(statement.where(DocumentVersion.embedding_model.is_not(None))) or 0


def _require(principal: Principal) -> None:
    # They hold for the whole installation, beyond the organisation of whoever changes them.
    principal.require(Role.OPERATOR, Scope.ADMIN)


def _in_todays_names(changes: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return dict(todays_change(key, value) for key, value in changes.items())


def _lock(key: str, origin: str) -> str:
    # A section of Celery's would become the address of the queue.
    if key.split(".")[0] in (*DEPLOYMENT_SECTIONS, "celery") or key in DEPLOYMENT_KEYS:
        return "set where it is deployed, and read when a process starts"
    if key in later_keys():
        return "reserved, and obeyed by a later release"
    if origin.startswith(_LOCKED):
        return f"set by {origin}"
    return ""


def _loaded(before: LoadedSettings, content: dict[str, Any], changes: Mapping[str, JsonValue]) -> LoadedSettings:
    for key in changes:
        lock = _lock(key, next((o for name, o in before.origin.items() if name == key), ""))
        if lock:
            raise ValidationError(f"{key} cannot be changed here: it is {lock}.")
    try:
        return load_settings(saved=content)
    except ConfigurationError as error:
        raise ValidationError(error.message, next_step="Correct it and try again; nothing was saved.") from error


def _with(content: Mapping[str, Any], changes: Mapping[str, JsonValue]) -> dict[str, Any]:
    """The nested mapping with dotted keys set, or taken out where the value is null."""
    result = _copy(content)
    for key, value in changes.items():
        *path, last = key.split(".")
        node = result
        for part in path:
            child = node.setdefault(part, {})
            if not isinstance(child, dict):
                raise ValidationError(f"{key}: {part} has a value of its own and holds no keys.")
            node = child
        if value is None:
            node.pop(last, None)
        else:
            node[last] = value
    return result


def _copy(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, Mapping) else value for key, value in content.items()}


def _rebuilt(before: Settings, after: Settings) -> Iterator[str]:
    for kind in KINDS:
        old = {entry.name: entry for entry in before.plugins.of(kind)}
        new = {entry.name: entry for entry in after.plugins.of(kind)}
        for name in sorted(old.keys() | new.keys()):
            one, other = old.get(name), new.get(name)
            if _running(one) != _running(other):
                yield f"{kind}/{name}"


def _running(entry: PluginEntry | None) -> tuple[str, dict[str, Any]] | None:
    """What an entry runs, and how; None when it does not."""
    return (entry.plugin, dict(entry.config)) if entry is not None and entry.enabled else None


def _version(row: SettingsVersion) -> Version:
    changes = tuple(
        Change(key, str(value[0]), str(value[1])) for key, value in row.changes.items() if isinstance(value, list)
    )
    return Version(row.number, row.created_at, str(row.user_id), row.reason, changes, row.restored_number)
