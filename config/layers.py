"""Where do settings come from, and which wins?

Every source becomes a tree of ``Leaf`` objects that remember their origin. Lists of plugin entries become mappings by
name, so that a later layer can change one option of one entry.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from config.mistakes import Mistake
from config.plugins import KINDS

ENV_PREFIX = "FOUNDRY__"
FILE_SUFFIX = "_FILE"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value and the layer it came from; ``literal`` ones are not searched for ``${VAR}``."""

    value: Any
    origin: str
    literal: bool = False


Tree: TypeAlias = "dict[str, Leaf | Tree]"


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which plain YAML silently drops one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands there twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, mistakes: list[Mistake]) -> Tree:
    """The tree in a file; what cannot be read is a mistake and an empty tree."""
    origin = _display(path)
    try:
        # The loader derives from SafeLoader: plain data only.
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506
    except (OSError, UnicodeDecodeError) as error:
        mistakes.append(Mistake(origin, "(the file)", f"it cannot be read: {error}", "a readable YAML file in UTF-8"))
        return {}
    except yaml.YAMLError as error:
        mistakes.append(Mistake(origin, "(the file)", _yaml_problem(error), "valid YAML"))
        return {}
    if content is None:
        return {}
    if not isinstance(content, dict):
        mistakes.append(Mistake(origin, "(the file)", type(content).__name__, "sections, each with its keys"))
        return {}
    return to_tree(content, origin)


def to_tree(content: Mapping[Any, Any], origin: str, *, literal: bool = False) -> Tree:
    """A layer as a tree; a section without keys counts as absent."""
    tree: Tree = {}
    for name, value in content.items():
        if value is None:
            continue
        if name == "plugins" and isinstance(value, Mapping):
            tree["plugins"] = {
                str(kind): _entries(entries, origin, literal) if kind in KINDS else _node(entries, origin, literal)
                for kind, entries in value.items()
            }
        else:
            tree[str(name)] = _node(value, origin, literal)
    return tree


def from_environment(environ: Mapping[str, str], mistakes: list[Mistake]) -> Tree:
    """The layer of ``FOUNDRY__section__key`` variables; with ``_FILE`` the value is read from the file named.

    Lists and mappings are written as JSON. Names are matched in lower case.
    """
    tree: Tree = {}
    for variable in sorted(environ):
        if not variable.upper().startswith(ENV_PREFIX):
            continue
        origin = f"environment variable {variable}"
        value: str | None = environ[variable]
        path = variable[len(ENV_PREFIX) :]
        if path.endswith(FILE_SUFFIX):
            path = path.removesuffix(FILE_SUFFIX)
            value = read_secret_file(Path(environ[variable]), origin, mistakes)
        if value is None:
            continue
        parts = path.lower().split("__")
        content: dict[str, Any] = {parts[-1]: _json_or_text(value)}
        for part in reversed(parts[:-1]):
            content = {part: content}
        tree = merge(tree, to_tree(content, origin, literal=True))
    return tree


def read_secret_file(path: Path, origin: str, mistakes: list[Mistake]) -> str | None:
    """The text of a file without the newline at its end; None and a mistake when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        mistakes.append(Mistake(origin, "(the file it names)", f"{path}: {reason}", "a readable file with the value"))
        return None


def merge(lower: Tree, upper: Tree) -> Tree:
    """Both trees, the upper one winning; mappings are joined, everything else is replaced.

    An entry that names another ``plugin`` starts afresh: the options of the one before mean nothing to it.
    """
    merged = dict(lower)
    for name, node in upper.items():
        below = merged.get(name)
        if isinstance(node, dict) and isinstance(below, dict):
            merged[name] = merge(_without_foreign_options(below, node), node)
        else:
            merged[name] = node
    return merged


def plain(node: Leaf | Tree) -> Any:
    """The tree without its origins."""
    return node.value if isinstance(node, Leaf) else {name: plain(child) for name, child in node.items()}


def leaves(tree: Tree, prefix: str = "") -> dict[str, Leaf]:
    """All leaves by dotted key; an empty mapping has none."""
    found: dict[str, Leaf] = {}
    for name, node in tree.items():
        key = f"{prefix}{name}"
        if isinstance(node, Leaf):
            found[key] = node
        else:
            found |= leaves(node, f"{key}.")
    return found


def _without_foreign_options(below: Tree, above: Tree) -> Tree:
    ours, theirs = below.get("plugin"), above.get("plugin")
    if isinstance(ours, Leaf) and isinstance(theirs, Leaf) and ours.value != theirs.value:
        return {name: node for name, node in below.items() if name not in ("config", "enabled_by")}
    return below


def _node(value: Any, origin: str, literal: bool) -> Leaf | Tree:
    if isinstance(value, Mapping):
        return {str(name): _node(child, origin, literal) for name, child in value.items()}
    return Leaf(value, origin, literal)


def _entries(value: Any, origin: str, literal: bool) -> Leaf | Tree:
    if isinstance(value, list) and all(isinstance(entry, Mapping) and "name" in entry for entry in value):
        names = [str(entry["name"]) for entry in value]
        if len(set(names)) == len(names):
            return {name: _node(entry, origin, literal) for name, entry in zip(names, value, strict=True)}
    if isinstance(value, Mapping):
        return {
            str(name): _node({"name": name, **entry}, origin, literal)
            if isinstance(entry, Mapping)
            else Leaf(entry, origin, literal)
            for name, entry in value.items()
        }
    return Leaf(value, origin, literal)


def _json_or_text(value: str) -> Any:
    if value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value  # a password may begin like this
    return value


def _display(path: Path) -> str:
    return f"config/{path.name}" if path.parent == Path(__file__).parent else str(path)


def _yaml_problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return str(error)
