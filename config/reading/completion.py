"""What do settings lack that is neither written nor a default: references between them, and stores that nobody uses?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.mistakes import Mistake
from config.models import KINDS, PluginEntry, PluginSettings, Settings
from config.reading.layers import Leaf
from config.reading.references import resolve_settings
from core.plugin_kinds import SETTINGS_KEYS, entry_key


def completed(settings: Settings, given: Mapping[str, Leaf], mistakes: list[Mistake]) -> Settings:
    """Settings with ``setting://`` replaced in plugin options and the shorthand ``vector_db.provider`` filled in.

    Of vector stores and embeddings only those in use stay enabled: building another would need a server that nobody
    runs, or the memory for a second model.
    """
    changed: dict[str, Any] = {
        SETTINGS_KEYS[kind]: tuple(
            _resolved(kind, entry, settings, given, mistakes) for entry in settings.plugins.of(kind)
        )
        for kind in KINDS
    }
    used = {settings.primary_vector_db, settings.plugins.vector_databases.fallback}
    changed["vector_db"] = tuple(
        entry if entry.name in used else entry.model_copy(update={"enabled": False}) for entry in changed["vector_db"]
    )
    current = settings.plugins.embedding
    changed["embedding_models"] = tuple(
        entry if current is None or entry.name == current.name else entry.model_copy(update={"enabled": False})
        for entry in changed["embedding_models"]
    )
    plugins: PluginSettings = settings.plugins.model_copy(update=changed)
    vector_db = settings.vector_db.model_copy(update={"provider": settings.primary_vector_db})
    storage = settings.storage.model_copy(update={"data_dir": settings.storage.data_dir.expanduser()})
    return settings.model_copy(update={"plugins": plugins, "vector_db": vector_db, "storage": storage})


def _resolved(
    kind: str, entry: PluginEntry, settings: Settings, given: Mapping[str, Leaf], mistakes: list[Mistake]
) -> PluginEntry:
    try:
        return entry.model_copy(update={"config": resolve_settings(entry.config, settings)})
    except KeyError as unknown:
        key = f"{entry_key(kind, entry.name)}.config"
        origin = next((leaf.origin for name, leaf in given.items() if name.startswith(key)), "default")
        found = f"setting://{unknown.args[0]}"
        mistakes.append(Mistake(origin, key, found, "setting:// and an existing key outside plugins"))
        return entry
