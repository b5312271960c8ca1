"""What do ``${VAR}``, ``secret://name`` and ``setting://section.key`` stand for?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from config.layers import FILE_SUFFIX, Leaf, Tree, read_secret_file
from config.mistakes import Mistake
from config.models import Settings

SECRET = "secret://"
SETTING = "setting://"
_VARIABLE = re.compile(r"\$(\$)?\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}")
_SECRET_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


@dataclass(slots=True)
class References:
    """Replaces references in a tree and collects those that lead nowhere.

    Attributes:
        ignored: Variables treated as if they were not set.
    """

    environ: Mapping[str, str]
    secrets_dir: Path
    mistakes: list[Mistake]
    ignored: frozenset[str] = frozenset()
    secret_keys: set[str] = field(default_factory=set)

    def resolve(self, tree: Tree, prefix: str = "") -> Tree:
        """The tree with ``${VAR}``, ``${VAR:default}`` and ``secret://name`` replaced, lists included."""
        resolved: Tree = {}
        for name, node in tree.items():
            key = f"{prefix}{name}"
            if isinstance(node, Leaf):
                resolved[name] = Leaf(self._value(node.value, node, key), node.origin, node.literal)
            else:
                resolved[name] = self.resolve(node, f"{key}.")
        return resolved

    def is_set(self, variable: str) -> bool:
        """Whether the variable, or its ``_FILE`` twin, has a value."""
        return bool(self._lookup(variable, "", []))

    def _value(self, value: Any, leaf: Leaf, key: str) -> Any:
        if isinstance(value, list):
            return [self._value(item, leaf, key) for item in value]
        if isinstance(value, dict):
            return {name: self._value(item, leaf, f"{key}.{name}") for name, item in value.items()}
        if not isinstance(value, str):
            return value
        text = value if leaf.literal else self._expand(value, leaf.origin, key)
        return self._secret(text, leaf.origin, key) if text.startswith(SECRET) else text

    def _expand(self, text: str, origin: str, key: str) -> str:
        def replace(match: re.Match[str]) -> str:
            escaped, variable, default = match.groups()
            if escaped:
                return match.group()[1:]
            value = self._lookup(variable, origin, self.mistakes)
            if value:
                return value
            if default is None:
                self.mistakes.append(
                    Mistake(
                        origin, key, f"${{{variable}}}, and {variable} is not set", f"set {variable}, or give a default"
                    )
                )
                return ""
            return default

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
