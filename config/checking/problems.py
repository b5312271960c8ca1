"""What do pydantic's complaints mean for somebody who edits YAML?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

import pydantic
from pydantic import BaseModel

from config.mistakes import Mistake, masked
from config.models import Settings
from config.reading.entries import WRITTEN
from config.reading.layers import Leaf

_TYPES = {
    "model_type": "a mapping of keys",
    "model_attributes_type": "a mapping of keys",
    "dict_type": "a mapping of keys",
    "mapping_type": "a mapping of keys",
    "tuple_type": 'a list; in an environment variable as JSON, such as ["a", "b"]',
    "missing": "it must be set",
}


def as_mistakes(
    error: pydantic.ValidationError, content: Mapping[str, Any], given: Mapping[str, Leaf]
) -> list[Mistake]:
    """Every complaint as a mistake that names file, key, found and allowed."""
    mistakes = []
    for problem in error.errors(include_url=False):
        location = problem["loc"]
        key = _dotted(location, content)
        allowed = _allowed(problem, location)
        found = "(nothing)" if problem["type"] == "missing" else masked(key, problem["input"])
        mistakes.append(Mistake(_origin(key, given), _as_written(key, given), found, allowed))
    return mistakes


def _dotted(location: Sequence[str | int], content: Mapping[str, Any]) -> str:
    """The location as a dotted key, with entries of plugins by their name instead of their number."""
    parts: list[str] = []
    node: Any = content
    for part in location:
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            node = None
        named = isinstance(part, int) and isinstance(node, dict) and "name" in node
        parts.append(str(node["name"]) if named else str(part))
    return ".".join(parts) or "(all)"


def _as_written(key: str, given: Mapping[str, Leaf]) -> str:
    """The key as it stands in the file, where an entry was lifted out of its role."""
    entry = ".".join(key.split(".")[:3])
    leaf = given.get(f"{entry}.{WRITTEN}")
    return f"{leaf.value}{key[len(entry) :]}" if leaf is not None else key


def _origin(key: str, given: Mapping[str, Leaf]) -> str:
    if key in given:
        return given[key].origin
    below = [leaf.origin for name, leaf in given.items() if name.startswith(f"{key}.")]
    while not below and "." in key:
        key = key.rpartition(".")[0]
        if key in given:
            return given[key].origin
        below = [leaf.origin for name, leaf in given.items() if name.startswith(f"{key}.")]
    return ", ".join(dict.fromkeys(below)) or "default"


def _allowed(problem: Any, location: Sequence[str | int]) -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        return _known_keys(location)
    if kind == "literal_error":
        return str(context["expected"])
    if kind == "value_error":
        return str(context["error"])
    return _TYPES.get(kind) or str(problem["msg"]).removeprefix("Input should be ")


def _known_keys(location: Sequence[str | int]) -> str:
    model: Any = Settings
    for part in location[:-1]:
        if isinstance(part, int):  # an entry of a list whose type is known already
            continue
        model = model.model_fields[part].annotation
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            model = next(arg for arg in get_args(model) if isinstance(arg, type) and issubclass(arg, BaseModel))
    names = sorted(model.model_fields)
    near = get_close_matches(str(location[-1]), names, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{hint}known keys: {', '.join(names)}"
