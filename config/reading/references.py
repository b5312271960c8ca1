"""What do ``${VAR}``, ``secret://name`` and ``setting://section.key`` stand for?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from config.mistakes import Mistake
from config.models import Settings
from config.reading.layers import Leaf, Tree
from config.reading.sources import FILE_SUFFIX, read_secret_file
from config.reading.variables import Missing

SECRET = "secret://"
SETTING = "setting://"
_VARIABLE = re.compile(r"\$(\$)?\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}")
_SECRET_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


@dataclass(slots=True)
class References:
    """Replaces references in a tree and collects those that lead nowhere.

    Attributes:
        missing: Variables without default that are not set, in the order of the tree; the key they stand under holds
            what lies below, or is left out.
        ignored: Variables treated as if they were not set.
    """

    environ: Mapping[str, str]
    secrets_dir: Path
    mistakes: list[Mistake]
    ignored: frozenset[str] = frozenset()
    secret_keys: set[str] = field(default_factory=set)
    missing: list[Missing] = field(default_factory=list)

    def resolve(self, tree: Tree, prefix: str = "") -> Tree:
        """The tree with ``${VAR}``, ``${VAR:default}`` and ``secret://name`` replaced, lists included."""
        resolved: Tree = {}
        for name, node in tree.items():
            key = f"{prefix}{name}"
            if isinstance(node, Leaf):
                if (leaf := self._leaf(node, key)) is not None:
                    resolved[name] = leaf
            else:
                resolved[name] = self.resolve(node, f"{key}.")
        return resolved

    def _leaf(self, leaf: Leaf, key: str) -> Leaf | None:
        """The leaf with its references replaced; what lies below it, or nothing, where one leads nowhere."""
        unset: list[str] = []
        value = self._value(leaf.value, leaf, key, unset)
        if not unset:
            return Leaf(value, leaf.origin, leaf.literal)
        below = self._leaf(leaf.below, key) if leaf.below is not None else None
        self.missing += [Missing(name, key, leaf.origin, below is not None) for name in dict.fromkeys(unset)]
        return below

    def is_set(self, variable: str) -> bool:
        """Whether the variable, or its ``_FILE`` twin, has a value."""
        return bool(self._lookup(variable, "", []))

    def _value(self, value: Any, leaf: Leaf, key: str, unset: list[str]) -> Any:
        if isinstance(value, list):
            return [self._value(item, leaf, key, unset) for item in value]
        if isinstance(value, dict):
            return {name: self._value(item, leaf, f"{key}.{name}", unset) for name, item in value.items()}
        if not isinstance(value, str):
            return value
        text = value if leaf.literal else self._expand(value, leaf.origin, unset)
        return self._secret(text, leaf.origin, key) if text.startswith(SECRET) else text

    def _expand(self, text: str, origin: str, unset: list[str]) -> str:
        def replace(match: re.Match[str]) -> str:
            escaped, variable, default = match.groups()
            if escaped:
                return match.group()[1:]
            value = self._lookup(variable, origin, self.mistakes) or default
            if value is None:
                unset.append(variable)
                return ""
            return value

        return _VARIABLE.sub(replace, text)

    def _lookup(self, variable: str, origin: str, mistakes: list[Mistake]) -> str:
        if variable in self.ignored:
            return ""
        if value := self.environ.get(variable):
            return value
        if path := self.environ.get(variable + FILE_SUFFIX):
            return read_secret_file(Path(path), origin or variable, mistakes) or ""
        return ""

    def _secret(self, text: str, origin: str, key: str) -> str:
        name = text.removeprefix(SECRET)
        path = self.secrets_dir / name
        self.secret_keys.add(key)
        if not _SECRET_NAME.fullmatch(name):
            self.mistakes.append(Mistake(origin, key, text, "secret:// and the plain name of a file"))
            return ""
        try:
            open_to_others = path.stat().st_mode & 0o077
        except OSError as error:
            found = f"{text}, and {path}: {error.strerror}"
            self.mistakes.append(Mistake(origin, key, found, "a file of that name with the secret in it"))
            return ""
        if open_to_others:
            found = f"{text}, and others may read {path}"
            self.mistakes.append(Mistake(origin, key, found, f"a file only its owner can read: chmod 600 {path}"))
            return ""
        return read_secret_file(path, origin, self.mistakes) or ""


def variables_in(text: str) -> frozenset[str]:
    """Names of the variables that a text refers to."""
    return frozenset(match[2] for match in _VARIABLE.finditer(text))


def resolve_settings(value: Any, settings: Settings) -> Any:
    """An option of a plugin with each ``setting://section.key`` replaced by that setting.

    Raises:
        KeyError: There is no such setting; the argument is its name.
    """
    if isinstance(value, Mapping):
        return {name: resolve_settings(item, settings) for name, item in value.items()}
    if isinstance(value, list):
        return [resolve_settings(item, settings) for item in value]
    if isinstance(value, str) and value.startswith(SETTING):
        key = value.removeprefix(SETTING)
        found: Any = settings
        for part in key.split("."):
            if not isinstance(found, BaseModel) or part not in type(found).model_fields or part == "plugins":
                raise KeyError(key)
            found = getattr(found, part)
        return found
    return value
