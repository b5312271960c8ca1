"""Which class does a reference in the YAML mean, and are its options right?"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from core.errors import ConfigurationError
from plugins.framework.install_hints import how_to_install
from plugins.framework.installed import GROUP, entry_point

_MODULE = re.compile(r"plugins(\.[A-Za-z_]\w*)+")
_SECRET = re.compile(r"key|secret|password|token|credential|authorization", re.I)


def resolve(reference: str) -> type[Any]:
    """The class behind ``module:Class`` or behind the name of an installed entry point.

    Only modules under ``plugins`` and entry points of the group ``knowledge_foundry.plugins`` are imported: whoever may
    write settings must not thereby run any code they like.

    Raises:
        ConfigurationError: Not allowed, not there, or no plugin class.
    """
    installed = entry_point(reference)
    module_name, _, attribute = reference.partition(":")
    if installed is None and not (_MODULE.fullmatch(module_name) and attribute.isidentifier()):
        raise ConfigurationError(
            f"plugin: found {reference!r}; allowed: module:Class under `plugins`, or an entry point of {GROUP}."
        )
    try:
        found = installed.load() if installed is not None else getattr(importlib.import_module(module_name), attribute)
    except ModuleNotFoundError as error:
        own = error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}."))
        if own:
            raise ConfigurationError(f"plugin: {reference}: there is no such module.") from error
        raise ConfigurationError(
            f"plugin: {reference}: it needs the package {error.name}, which is not installed.",
            next_step=f"Install it: {how_to_install(error.name or '')}",
        ) from error
    except AttributeError as error:
        raise ConfigurationError(f"plugin: {reference}: {error}.") from error
    options = getattr(found, "Options", None)
    if not (isinstance(found, type) and isinstance(options, type) and issubclass(options, BaseModel)):
        raise ConfigurationError(f"plugin: {reference} is no plugin: a class with Options is needed.")
    return found


def validate_options(plugin: type[Any], config: Mapping[str, Any], where: str) -> BaseModel:
    """The options of an entry.

    Args:
        where: Dotted key of the entry, for the message.

    Raises:
        ConfigurationError: Names every wrong key with what was found and what is allowed; secrets are not repeated.
    """
    options: type[BaseModel] = plugin.Options
    try:
        return options.model_validate(dict(config))
    except ValidationError as error:
        problems = [_problem(dict(item), where, options) for item in error.errors(include_url=False)]
        raise ConfigurationError("; ".join(problems)) from error


def _problem(item: Mapping[str, Any], where: str, options: type[BaseModel]) -> str:
    key = ".".join([where, "config", *(str(part) for part in item["loc"])])
    if item["type"] == "extra_forbidden":
        known = ", ".join(sorted(options.model_fields)) or "no options at all"
        return f"{key}: found an unknown key; allowed: {known}"
    if item["type"] == "missing":
        return f"{key}: found nothing; it must be set"
    secret = any(_SECRET.search(str(part)) for part in item["loc"]) or isinstance(item["input"], dict)
    found = "a value that is not shown" if secret else repr(item["input"])
    return f"{key}: found {found}; allowed: {str(item['msg']).removeprefix('Input should be ')}"
