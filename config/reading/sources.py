"""What do the files and the environment say, before any of it is put together?"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from config.mistakes import Mistake

ENV_PREFIX = "FOUNDRY__"
FILE_SUFFIX = "_FILE"


@dataclass(frozen=True, slots=True)
class Source:
    """What one layer says; in ``literal`` ones ``${VAR}`` is plain text."""

    origin: str
    content: Mapping[str, Any]
    literal: bool = False


class _Loader(yaml.CSafeLoader):
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


def read_yaml(path: Path, mistakes: list[Mistake]) -> Source:
    """The content of a file; what cannot be read is a mistake and says nothing."""
    origin = _display(path)
    try:
        # The loader derives from CSafeLoader, the safe one in C: plain data only.
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506
    except (OSError, UnicodeDecodeError) as error:
        mistakes.append(Mistake(origin, "(the file)", f"it cannot be read: {error}", "a readable YAML file in UTF-8"))
        return Source(origin, {})
    except yaml.YAMLError as error:
        mistakes.append(Mistake(origin, "(the file)", _yaml_problem(error), "valid YAML"))
        return Source(origin, {})
    if content is None:
        return Source(origin, {})
    if not isinstance(content, dict):
        mistakes.append(Mistake(origin, "(the file)", type(content).__name__, "sections, each with its keys"))
        return Source(origin, {})
    return Source(origin, content)


def from_environment(environ: Mapping[str, str], mistakes: list[Mistake]) -> tuple[Source, ...]:
    """The ``FOUNDRY__section__key`` variables, each a source; with ``_FILE`` the value is read from the file named.

    Lists and mappings are written as JSON. Names are matched in lower case.
    """
    return tuple(_variables(environ, mistakes))


def _variables(environ: Mapping[str, str], mistakes: list[Mistake]) -> Iterator[Source]:
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
        yield Source(origin, content, literal=True)


def read_secret_file(path: Path, origin: str, mistakes: list[Mistake]) -> str | None:
    """The text of a file without the newline at its end; None and a mistake when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        mistakes.append(Mistake(origin, "(the file it names)", f"{path}: {reason}", "a readable file with the value"))
        return None


def _json_or_text(value: str) -> Any:
    if value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value  # a password may begin like this
    return value


def _display(path: Path) -> str:
    return f"config/{path.name}" if path.parent == Path(__file__).parents[1] else str(path)


def _yaml_problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return str(error)
