"""Which settings cannot hold on this machine, and what holds instead?

Asked once when something starts, and said in one line each: nothing falls back in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from config.loader import LoadedSettings
from config.models import KINDS, PluginEntry, Settings
from config.notices import Notice
from core.errors import KnowledgeFoundryError
from core.plugin_kinds import entry_key
from plugins.framework.references import resolve, validate_options
from plugins.framework.stand_in import stand_in_for, what_is_wrong
from plugins.reranker.none import NoReranker

log = structlog.get_logger(__name__)

HERE = "this machine"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fitted:
    """Settings that hold here, and every notice about what does not."""

    settings: Settings
    notices: tuple[Notice, ...]


def fitted(loaded: LoadedSettings) -> Fitted:
    """The settings with what cannot hold replaced. Asks plugins, so that it may import them."""
    settings, notices = loaded.settings, list(loaded.notices)
    settings = _with_embedding(settings, notices)
    settings = _with_fallback_store(settings, notices)
    notices += _unreadable(settings)
    notices += _without_reranker(settings)
    notices += _wrong_options(settings)
    return Fitted(settings, tuple(dict.fromkeys(notices)))


def tell(notices: tuple[Notice, ...]) -> None:
    """One line each, in the log of the process that starts."""
    for notice in notices:
        log.warning("setting_notice", where=notice.where, key=notice.key, notice=notice.text)


def _with_embedding(settings: Settings, notices: list[Notice]) -> Settings:
    """The embedding that makes the vectors, replaced by what its plugin names where it cannot run."""
    entry = settings.plugins.embedding
    if entry is None:
        return settings
    key = entry_key("embedding", entry.name)
    found = stand_in_for(entry, key)
    if found is None:
        return settings
    notices.append(Notice(HERE, key, found.reason))
    changed = entry.model_copy(update={"plugin": found.plugin, "config": dict(found.config)})
    entries = tuple(changed if one is entry else one for one in settings.plugins.embedding_models)
    return _with_plugins(settings, embedding_models=entries)


def _with_fallback_store(settings: Settings, notices: list[Notice]) -> Settings:
    """The fallback store, replaced by one that several processes may open."""
    roles = settings.plugins.vector_databases
    entry = next((one for one in settings.plugins.vector_db if one.name == roles.fallback), None)
    found = stand_in_for(entry, entry_key("vector_db", entry.name)) if entry is not None else None
    if found is None:
        return settings
    notices.append(Notice(HERE, "plugins.vector_databases.fallback", found.reason))
    other = next((one for one in settings.plugins.vector_db if one.plugin == found.plugin), None)
    name = other.name if other is not None and other.name != settings.primary_vector_db else ""
    stores = tuple(
        one.model_copy(update={"enabled": one.name in (settings.primary_vector_db, name)})
        for one in settings.plugins.vector_db
    )
    return _with_plugins(settings, vector_db=stores, vector_databases=roles.model_copy(update={"fallback": name}))


def _with_plugins(settings: Settings, **changed: object) -> Settings:
    return settings.model_copy(update={"plugins": settings.plugins.model_copy(update=changed)})


def _unreadable(settings: Settings) -> Iterator[Notice]:
    """Types that an entry names and its parser does not read; others read them, or nobody does."""
    for entry in settings.plugins.document_parsers:
        if not (entry.enabled and entry.mime_types):
            continue
        key = entry_key("parser", entry.name)
        for mime_type in entry.mime_types:
            if not reads(entry, mime_type):
                others = [one.name for one in parsers_for(settings, mime_type)]
                instead = f"{others[0]} reads it" if others else "nothing reads it"
                yield Notice(HERE, f"{key}.mime_types", f"{mime_type} is nothing that this parser reads; {instead}.")


def _without_reranker(settings: Settings) -> Iterator[Notice]:
    order = f"{NoReranker.__module__}:{NoReranker.__name__}"
    ranks = any(entry.enabled and entry.plugin != order for entry in settings.plugins.reranker)
    if settings.retrieval.reranking_enabled and not ranks:
        yield Notice(
            HERE,
            "retrieval.reranking_enabled",
            "no reranker is enabled, so that the order of the search stands. Enable cross_encoder (with the folder of "
            "a model) or http (with the address of a service) in plugins.reranker.",
        )


def _wrong_options(settings: Settings) -> Iterator[Notice]:
    for kind in KINDS:
        for entry in settings.plugins.of(kind):
            key = entry_key(kind, entry.name)
            if entry.enabled and (reason := what_is_wrong(entry, key)):
                yield Notice(HERE, key, f"it does not run: {reason}")


# -- which parser reads what


def parsers_for(settings: Settings, mime_type: str) -> list[PluginEntry]:
    """The enabled parsers that read a type, the preferred first: whoever names it comes before whoever names none."""
    enabled = [(entry, entry) for entry in settings.plugins.document_parsers if entry.enabled]
    return [entry for entry in preferred(enabled, mime_type) if reads(entry, mime_type)]


def preferred(entries: Sequence[tuple[PluginEntry, T]], mime_type: str) -> list[T]:
    """What belongs to the entries that may read a type: first those that name it, then those that name none."""
    naming = [item for entry, item in entries if mime_type in entry.mime_types]
    return naming + [item for entry, item in entries if not entry.mime_types]


def reads(entry: PluginEntry, mime_type: str) -> bool:
    """Whether the plugin of an entry can read a type; False for one that cannot be built."""
    try:
        kind = resolve(entry.plugin)
        options = validate_options(kind, entry.config, entry_key("parser", entry.name))
        return bool(kind(options, None).supports_mime_type(mime_type))
    except KnowledgeFoundryError:
        return False
