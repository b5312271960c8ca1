"""Which keys are read and checked although nothing obeys them yet?

A field or section marked with ``LATER`` belongs to a part that is still to be built. Its key is kept, so that a file
that names it loads, but it is shown nowhere as if it did something; whoever sets it is told at the start.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel

from config.loader import LoadedSettings
from config.models import Settings
from config.section import LATER


@cache
def later_keys() -> frozenset[str]:
    """Dotted keys of all marked values, and of the sections that hold nothing else."""
    return frozenset(key for key, _ in _marked(Settings, "", inside=False))


def not_in_effect(loaded: LoadedSettings) -> tuple[str, ...]:
    """The marked keys somebody set, in the order of the models.

    Off is off, so ``false`` counts only where the default is another.
    """
    found = []
    for key, default in _marked(Settings, "", inside=False):
        value = _value(loaded.settings, key)
        if isinstance(value, BaseModel):
            continue
        if value != default or (key in loaded.origin and value is not False):
            found.append(key)
    return tuple(found)


def notice(loaded: LoadedSettings) -> str:
    """One line for whoever started it; empty when there is nothing to say."""
    keys = not_in_effect(loaded)
    return f"Not in effect yet: {', '.join(keys)}. A later release will obey them." if keys else ""


def _marked(model: type[BaseModel], prefix: str, *, inside: bool) -> Iterator[tuple[str, Any]]:
    """(dotted key, default) of what is marked; ``inside`` a marked section everything is."""
    for name, info in model.model_fields.items():
        extra = info.json_schema_extra
        marked = inside or (isinstance(extra, dict) and LATER.items() <= extra.items())
        if marked:
            yield prefix + name, info.get_default(call_default_factory=True)
        kind: Any = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _marked(kind, f"{prefix}{name}.", inside=marked)


def _value(settings: Settings, key: str) -> object:
    node: Any = settings
    for name in key.split("."):
        node = getattr(node, name)
    return node
