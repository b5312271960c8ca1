"""How do the ways of writing an entry of ``plugins`` become one?

Entries stand in a list or in a mapping by name; an entry without a name is called after its key, else after the folder
of its plugin. A vector store may stand where its role is said (``vector_databases.primary``). All become mappings by
name, so that a later layer can change one option of one entry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.plugin_kinds import SETTINGS_KEYS

ROLES = ("primary", "fallback")
STORES = SETTINGS_KEYS["vector_db"]
WRITTEN = "(written)"
"""In an entry of a tree: the key under which it stands in its file, where that is another."""
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9_-]+")


def by_name(plugins: Mapping[str, Any], below: Mapping[str, Any]) -> dict[str, Any]:
    """The section with all entries in mappings by name.

    Args:
        below: The same section of the layers beneath.
    """
    result: dict[str, Any] = {}
    for key, value in plugins.items():
        result[key] = _entries(value) if key in SETTINGS_KEYS.values() else value
    roles = result.get("vector_databases")
    if isinstance(roles, Mapping) and any(isinstance(roles.get(role), Mapping) for role in ROLES):
        _lift_stores(result, roles, below)
    return result


def name_of(entry: Mapping[str, Any]) -> str:
    """The name an entry says, else one made of its plugin; empty when it names none."""
    if entry.get("name") is not None:
        return str(entry["name"])
    module, _, _ = str(entry.get("plugin") or "").partition(":")
    parts = module.split(".")
    # plugins.<kind>.<folder>…, or the name of an entry point.
    name = parts[2] if parts[0] == "plugins" and len(parts) > 2 else parts[-1]
    return _NOT_IN_A_NAME.sub("-", name.lower()).strip("-_")


def _entries(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            str(name): {"name": str(name), **entry} if isinstance(entry, Mapping) else entry
            for name, entry in value.items()
        }
    if isinstance(value, list) and all(isinstance(entry, Mapping) for entry in value):
        names = _distinct([(name_of(entry), "name" in entry) for entry in value])
        if all(names) and len(set(names)) == len(names):
            return {name: {**entry, "name": name} for name, entry in zip(names, value, strict=True)}
    return value


def _distinct(names: Sequence[tuple[str, bool]]) -> list[str]:
    """The names, those that were made numbered where they stand there twice; said ones stay for the mistake."""
    found: list[str] = []
    for name, said in names:
        number, wanted = 2, name
        while not said and wanted in found:
            wanted, number = f"{name}-{number}", number + 1
        found.append(wanted)
    return found


def _lift_stores(result: dict[str, Any], roles: Mapping[str, Any], below: Mapping[str, Any]) -> None:
    stores = dict(result.get(STORES) or {})
    chosen = dict(roles)
    for role in ROLES:
        entry = roles.get(role)
        if not isinstance(entry, Mapping):
            continue
        # Without its plugin it changes options of the store that has the role already.
        name = name_of(entry) or _role_below(below, role)
        if not name:
            continue
        if role == "fallback" and name == chosen.get("primary"):
            name = f"{name}-{role}"
        stores[name] = {
            **_mapping(stores.get(name)),
            **entry,
            "name": name,
            WRITTEN: f"plugins.vector_databases.{role}",
        }
        chosen[role] = name
    result[STORES], result["vector_databases"] = stores, chosen


def _role_below(below: Mapping[str, Any], role: str) -> str:
    found = _mapping(below.get("vector_databases")).get(role)
    return found if isinstance(found, str) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
