"""Is what the layers say right, each key for itself and all together?

Everything is told in one run: what pydantic finds is taken out, so that the rest can be compared with each other too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pydantic

from config.checking.checks import concerned, cross_check
from config.checking.problems import as_mistakes
from config.mistakes import Mistake
from config.models import Settings
from config.reading.entries import WRITTEN
from config.reading.layers import Leaf
from core.plugin_kinds import SETTINGS_KEYS


def validated(tree: Mapping[str, Any], given: Mapping[str, Leaf], mistakes: list[Mistake]) -> Settings | None:
    """The settings, or None and every mistake."""
    content = _listed(tree)
    try:
        settings = Settings.model_validate(content)
    except pydantic.ValidationError as error:
        found = as_mistakes(error, content, given)
        mistakes.extend(found)
        _compare_the_rest(error, content, given, {mistake.key for mistake in found}, mistakes)
        return None
    mistakes.extend(cross_check(settings, given))
    return settings


def _compare_the_rest(
    error: pydantic.ValidationError,
    content: dict[str, Any],
    given: Mapping[str, Leaf],
    wrong: set[str],
    mistakes: list[Mistake],
) -> None:
    """What disagrees among the keys that are right each for itself; those that are wrong count as not set."""
    for problem in error.errors(include_url=False):
        _take_out(content, problem["loc"])
    try:
        settings = Settings.model_validate(_without_gaps(content))
    except pydantic.ValidationError:
        return  # what is left hangs together with what was wrong; it is told when that is mended
    right = {key: leaf for key, leaf in given.items() if not concerned(key, wrong)}
    mistakes.extend(cross_check(settings, right, wrong))


def _take_out(content: Any, location: tuple[int | str, ...]) -> None:
    node = content
    for part, following in zip(location, (*location[1:], None), strict=True):
        if following is None or isinstance(part, int):
            # Of a list the whole item goes; the others keep their place, for further problems count on it.
            if isinstance(node, dict):
                node.pop(part, None)
            elif isinstance(node, list) and isinstance(part, int):
                node[part] = None
            return
        node = node.get(part) if isinstance(node, dict) else node
        if not isinstance(node, dict | list):
            return


def _without_gaps(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_gaps(item) for key, item in value.items()}
    return [_without_gaps(item) for item in value if item is not None] if isinstance(value, list) else value


def _listed(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The tree with entries of plugins as the lists that the models know."""
    content: dict[str, Any] = _copied(tree)
    plugins = content.get("plugins")
    for key in SETTINGS_KEYS.values():
        if isinstance(plugins, dict) and isinstance(plugins.get(key), dict):
            plugins[key] = list(plugins[key].values())
        for entry in plugins.get(key) or () if isinstance(plugins, dict) else ():
            if isinstance(entry, dict):
                entry.pop(WRITTEN, None)
    return content


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value
