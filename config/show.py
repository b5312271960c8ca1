"""Which settings are in force, and where did each come from?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretStr

from config.later import later_keys
from config.loader import LoadedSettings
from config.mistakes import MASK, masked
from config.models import PluginEntry


def effective(loaded: LoadedSettings) -> list[tuple[str, str, str]]:
    """Every setting in force as (dotted key, value with secrets masked, origin), in the order of the documentation."""
    rows = []
    for key, value in _leaves(loaded.settings, ""):
        if key in later_keys():
            continue
        origin = loaded.origin.get(key) or _nearest(key, loaded.origin)
        rows.append((key, MASK if key in loaded.secret_keys else value, origin))
    return rows


def _leaves(node: Any, key: str) -> Iterator[tuple[str, str]]:
    prefix = f"{key}." if key else ""
    if isinstance(node, BaseModel):
        for name in type(node).model_fields:
            yield from _leaves(getattr(node, name), prefix + name)
    elif isinstance(node, Mapping) and node:
        for name, child in node.items():
            yield from _leaves(child, f"{prefix}{name}")
    elif isinstance(node, tuple) and node and isinstance(node[0], PluginEntry):
        for entry in node:
            yield from _leaves(entry, prefix + entry.name)
    elif isinstance(node, SecretStr):
        yield key, MASK if node.get_secret_value() else "(empty)"
    else:
        yield key, masked(key, node)


def _nearest(key: str, origin: Mapping[str, str]) -> str:
    # A list is one value of one layer, so its parts have the origin of the whole.
    while "." in key:
        key = key.rpartition(".")[0]
        if key in origin:
            return origin[key]
    return "default"
