"""How do layers lie on each other, and which wins?

Every layer becomes a tree of ``Leaf`` objects that remember their origin, and what lay below them: a reference that
leads nowhere gives way to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value and the layer it came from; ``literal`` ones are not searched for ``${VAR}``."""

    value: Any
    origin: str
    literal: bool = False
    below: Leaf | None = None


Tree: TypeAlias = "dict[str, Leaf | Tree]"


def to_tree(content: Mapping[Any, Any], origin: str, *, literal: bool = False) -> Tree:
    """A layer as a tree; a section without keys counts as absent."""
    return {str(name): _node(value, origin, literal) for name, value in content.items() if value is not None}


def merge(lower: Tree, upper: Tree) -> Tree:
    """Both trees, the upper one winning; mappings are joined, everything else is replaced."""
    merged = dict(lower)
    for name, node in upper.items():
        below = merged.get(name)
        if isinstance(node, dict) and isinstance(below, dict):
            merged[name] = merge(_beneath(below, node), node)
        elif isinstance(node, Leaf) and isinstance(below, Leaf):
            merged[name] = replace(node, below=below)
        else:
            merged[name] = node
    return merged


def plain(node: Leaf | Tree) -> Any:
    """The tree without its origins."""
    return node.value if isinstance(node, Leaf) else {name: plain(child) for name, child in node.items()}


def leaves(tree: Tree, prefix: str = "") -> dict[str, Leaf]:
    """Every leaf by its dotted key."""
    found: dict[str, Leaf] = {}
    for name, node in tree.items():
        key = f"{prefix}{name}"
        if isinstance(node, Leaf):
            found[key] = node
        else:
            found |= leaves(node, f"{key}.")
    return found


def _beneath(below: Tree, above: Tree) -> Tree:
    """What stays of an entry of plugins under one that names its ``plugin`` anew.

    The options of another plugin mean nothing to it; and whoever writes an entry with its plugin wants it to run, even
    where the layer below only lists it.
    """
    ours, theirs = below.get("plugin"), above.get("plugin")
    if not (isinstance(ours, Leaf) and isinstance(theirs, Leaf)):
        return below
    gone = set() if "enabled" in above else {"enabled"}
    if ours.value != theirs.value:
        gone |= {"config", "enabled_by"}
    return {name: node for name, node in below.items() if name not in gone}


def _node(value: Any, origin: str, literal: bool) -> Leaf | Tree:
    if isinstance(value, Mapping):
        return {str(name): _node(child, origin, literal) for name, child in value.items()}
    return Leaf(value, origin, literal)
