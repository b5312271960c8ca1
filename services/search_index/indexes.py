"""In which indexes are vectors looked for, and into which are they written?

An index is one collection of one store, filled by one embedding model. When the settings name another store or model, a
second index is begun beside the first; until every document lies in it, the first answers for those that do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

import structlog

from config.models import PluginEntry, Settings
from config.reading.translations import todays_entry
from core.errors import ConfigurationError, KnowledgeFoundryError, ProviderUnavailableError
from core.identity import Principal, Role
from core.types import JsonValue
from db.models import SearchIndex
from db.repositories.indexes import IndexRepository
from db.unit_of_work import Database
from plugins.framework.manager import PluginManager
from plugins.framework.manifest import KINDS
from plugins.framework.references import resolve
from plugins.interfaces import EmbeddingProvider, VectorDBProvider

log = structlog.get_logger(__name__)

PACE_OVER = timedelta(minutes=5)
"""The estimate of what is left rests on what was moved in this time."""


class IndexRole(StrEnum):
    """What an index is for."""

    PRIMARY = "primary"
    FALLBACK = "fallback"
    FORMER = "former"


@dataclass(frozen=True, slots=True)
class Index:
    """An index and the plugins that search it; None for one that does not run."""

    id: UUID
    store: str
    collection: str
    model: str
    vectors: VectorDBProvider | None
    embedding: EmbeddingProvider | None


@dataclass(frozen=True, slots=True)
class Indexes:
    """The indexes of one snapshot of the settings.

    Attributes:
        primary: New vectors are written here, and searched first.
        fallback: Written too, and searched while the primary's store is down.
        former: Answer for the documents that are not in the primary yet; newest first.
    """

    primary: Index
    fallback: Index | None = None
    former: tuple[Index, ...] = ()

    @property
    def written(self) -> tuple[Index, ...]:
        """Those that a version must be in."""
        return (self.primary,) if self.fallback is None else (self.primary, self.fallback)

    @property
    def known(self) -> tuple[Index, ...]:
        """All, the preferred first."""
        return (*self.written, *self.former)


@dataclass(frozen=True, slots=True)
class IndexView:
    """How far an index is, over the whole installation.

    Attributes:
        documents: Whose answering version lies in it; of those that are written, cut by the rules of today.
        total: Documents that answer.
        seconds_left: Until all documents are in it, at the pace of the last minutes; None when nothing moves.
    """

    id: UUID
    role: IndexRole
    store: str
    collection: str
    model: str
    documents: int
    total: int
    seconds_left: float | None


# -- which plugins they need


async def entries_with_former(settings: Settings, database: Database) -> dict[str, tuple[PluginEntry, ...]]:
    """The entries of the settings by kind, and those without which former indexes could not answer."""
    entries = {kind: settings.plugins.of(kind) for kind in KINDS}
    async with database.transaction(None) as session:
        rows = [row for row in await IndexRepository(session).all() if row.retired_at is None]
    for row in rows:
        for kind, entry in (("embedding", _current(settings)), ("vector_db", _named(settings, row.store))):
            kept = todays_entry(_mapping(row.plugins.get(kind)))
            if kept and (entry is None or kept != _described(entry)):
                entries[kind] += (_former_entry(row, kept, settings.plugins.of(kind)),)
    used = {row.store for row in rows}
    entries["vector_db"] = tuple(
        entry.model_copy(update={"enabled": True}) if entry.name in used else entry for entry in entries["vector_db"]
    )
    return entries


def _current(settings: Settings) -> PluginEntry:
    """The embedding that new vectors are made with, and no other in its stead.

    Raises:
        ConfigurationError: None is enabled.
    """
    entry = settings.plugins.embedding
    if entry is None:
        raise ConfigurationError(
            "plugins.embedding_models: found no enabled entry; nothing can be indexed or searched."
        )
    return entry


def _named(settings: Settings, store: str) -> PluginEntry | None:
    return next((entry for entry in settings.plugins.vector_db if entry.name == store), None)


def _collection(settings: Settings, store: str) -> str:
    entry = _named(settings, store)
    return str((entry.config.get("collection") if entry is not None else "") or settings.vector_db.collection)


def _metric(settings: Settings, store: str) -> str:
    entry = _named(settings, store)
    return str((entry.config.get("distance_metric") if entry is not None else "") or settings.vector_db.distance_metric)


def _former_name(row: SearchIndex) -> str:
    return f"former-{row.id.hex[:8]}"


def _former_entry(row: SearchIndex, kept: Mapping[str, JsonValue], entries: Sequence[PluginEntry]) -> PluginEntry:
    """The entry that an index was made with; its secrets come from today's entries of the same plugin."""
    reference = str(kept.get("plugin", ""))
    secrets: dict[str, object] = {}
    for entry in entries:
        if entry.plugin == reference:
            hidden = _secret_options(reference)
            secrets |= {key: value for key, value in entry.config.items() if key in hidden}
    return PluginEntry(name=_former_name(row), plugin=reference, config={**secrets, **_mapping(kept.get("config"))})


def _described(entry: PluginEntry) -> dict[str, JsonValue]:
    """An entry as it is kept: without what is secret."""
    hidden = _secret_options(entry.plugin)
    return {"plugin": entry.plugin, "config": {key: v for key, v in entry.config.items() if key not in hidden}}


def _secret_options(reference: str) -> frozenset[str]:
    try:
        properties = resolve(reference).Options.model_json_schema().get("properties", {})
    except KnowledgeFoundryError:
        return frozenset()
    return frozenset(key for key, schema in properties.items() if "writeOnly" in str(schema))


def _mapping(value: JsonValue) -> dict[str, JsonValue]:
    return dict(value) if isinstance(value, Mapping) else {}


# -- which indexes there are


async def open_indexes(settings: Settings, database: Database, plugins: PluginManager) -> Indexes:
    """The indexes that the settings want, made if they are not there, and the former ones.

    Raises:
        ConfigurationError: The model makes vectors of another size than ``vector_db.vector_size``, or a collection
            exists with another.
        ProviderUnavailableError: The embedding or the primary store does not run; says why.
    """
    entry = _current(settings)
    embedding = plugins.get("embedding", entry.name)
    _require_size(settings.vector_db.vector_size, embedding)
    stores = [settings.vector_db.provider]
    if settings.plugins.vector_databases.fallback:
        stores.append(settings.plugins.vector_databases.fallback)
    async with database.transaction(None) as session:
        repository = IndexRepository(session)
        await repository.lock()
        rows = list(await repository.all())
        wanted = []
        for store in stores:
            row = _found(rows, store, embedding.model_name, settings) or await repository.add(
                store=store,
                collection=_free_name(rows, store, _collection(settings, store)),
                model=embedding.model_name,
            )
            row.plugins = {"embedding": _described(entry)}
            if (home := _named(settings, store)) is not None:
                row.plugins["vector_db"] = _described(home)
            wanted.append(row)
        await session.flush()
    indexes = [Index(row.id, row.store, row.collection, row.model, None, embedding) for row in wanted]
    primary = await _opened(indexes[0], plugins, settings)
    return Indexes(
        primary=primary,
        fallback=await _opened_if_up(indexes[1], plugins, settings) if indexes[1:] else None,
        former=_former(rows, {row.id for row in wanted}, embedding, plugins),
    )


def _require_size(wanted: int, embedding: EmbeddingProvider) -> None:
    size = embedding.get_dimension()
    if size != wanted:
        raise ConfigurationError(
            f"vector_db.vector_size is {wanted}, but the model {embedding.model_name} makes vectors of {size}.",
            next_step=f"Set vector_db.vector_size to {size}, or choose another model in plugins.embedding_models.",
        )


def _found(rows: Iterable[SearchIndex], store: str, model: str, settings: Settings) -> SearchIndex | None:
    for row in rows:
        if not row.store and store == settings.vector_db.provider:
            # From the time before indexes were counted: there was one, in the store of the settings.
            row.store, row.collection = store, settings.vector_db.collection
    # What is retired is being emptied and stays so; the same store and model begin anew under another name.
    return next((row for row in rows if (row.store, row.model, row.retired_at) == (store, model, None)), None)


def _free_name(rows: Sequence[SearchIndex], store: str, base: str) -> str:
    taken = {row.collection for row in rows if row.store == store}
    return next(name for name in (base, *(f"{base}_{n}" for n in range(2, len(taken) + 3))) if name not in taken)


async def _opened(index: Index, plugins: PluginManager, settings: Settings) -> Index:
    vectors = plugins.get("vector_db", index.store)
    if index.embedding is not None:
        size = index.embedding.get_dimension()
        await vectors.create_collection(index.collection, size, _metric(settings, index.store))
    return Index(index.id, index.store, index.collection, index.model, vectors, index.embedding)


async def _opened_if_up(index: Index, plugins: PluginManager, settings: Settings) -> Index:
    """The fallback: nothing waits for it."""
    try:
        return await _opened(index, plugins, settings)
    except KnowledgeFoundryError as error:
        log.warning("fallback_store_down", store=index.store, reason=error.code)
        return index


def _former(
    rows: Iterable[SearchIndex], wanted: set[UUID], embedding: EmbeddingProvider, plugins: PluginManager
) -> tuple[Index, ...]:
    former = []
    for row in rows:
        if row.id in wanted or row.retired_at is not None:
            continue
        model = _running(plugins, row, embedding)
        vectors: VectorDBProvider | None = None
        name = _former_name(row) if _former_name(row) in plugins.names("vector_db") else row.store
        try:
            vectors = plugins.get("vector_db", name)
        except ProviderUnavailableError as error:
            log.warning("former_index_unreachable", store=row.store, model=row.model, reason=error.code)
        former.append(Index(row.id, row.store, row.collection, row.model, vectors, model))
    return tuple(reversed(former))


def _running(plugins: PluginManager, row: SearchIndex, current: EmbeddingProvider) -> EmbeddingProvider | None:
    """The embedding that made an index, if it runs."""
    if row.model == current.model_name:
        return current
    try:
        return plugins.get("embedding", _former_name(row))
    except ProviderUnavailableError as error:
        log.warning("former_embedding_unavailable", model=row.model, reason=error.code)
        return None


class IndexService:
    """Progress of the indexes."""

    def __init__(self, database: Database, indexes: Indexes, chunking: str) -> None:
        """``chunking`` are the rules by which documents are cut now."""
        self._database = database
        self._indexes = indexes
        self._chunking = chunking

    async def list(self, principal: Principal) -> tuple[IndexView, ...]:
        """Every index that answers, the preferred first; for administrators."""
        principal.require(Role.ADMIN)
        indexes = self._indexes
        async with self._database.transaction(principal.organization_id) as session:
            repository = IndexRepository(session)
            documents, total = await repository.progress(self._chunking)
            retired = {row.id for row in await repository.all() if row.retired_at is not None}
            moved = await repository.moved_since(datetime.now(UTC) - PACE_OVER)
        pace = moved / PACE_OVER.total_seconds()
        views = []
        for index in indexes.known:
            if index.id in retired:
                continue
            role = IndexRole.FORMER
            if index.id == indexes.primary.id:
                role = IndexRole.PRIMARY
            elif indexes.fallback is not None and index.id == indexes.fallback.id:
                role = IndexRole.FALLBACK
            inside, as_wanted = documents.get(index.id, (0, 0))
            inside = inside if role is IndexRole.FORMER else as_wanted
            left = 0.0 if inside >= total else (total - inside) / pace if pace else None
            views.append(
                IndexView(
                    index.id,
                    role,
                    index.store,
                    index.collection,
                    index.model,
                    inside,
                    total,
                    None if role is IndexRole.FORMER else left,
                )
            )
        return tuple(views)
