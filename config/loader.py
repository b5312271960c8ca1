"""How do files, saved settings and the environment become one frozen set of settings?

base.yaml < dev|staging|prod.yaml < plugins.yaml < department overlay < saved settings < FOUNDRY__section__key.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from config.checking.validation import validated
from config.infrastructure import Environment
from config.mistakes import Mistake, refuse
from config.models import Settings
from config.notices import Notice
from config.reading.completion import completed
from config.reading.entries import WRITTEN
from config.reading.layers import Leaf, Tree, leaves, merge, plain, to_tree
from config.reading.references import References, variables_in
from config.reading.sources import FILE_SUFFIX, Source, from_environment, read_yaml
from config.reading.translations import todays_environment, translated
from config.reading.variables import settle
from core.plugin_kinds import SETTINGS_KEYS

ENVIRONMENTS: tuple[str, ...] = get_args(Environment)
IGNORE_MODEL_KEYS = "FOUNDRY_IGNORE_MODEL_KEYS"
SAVED = "saved settings"
_DEFAULT_ENVIRONMENT = ENVIRONMENTS[0]
_FILES = {"development": "dev.yaml", "staging": "staging.yaml", "production": "prod.yaml"}


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings and where each of them came from.

    Attributes:
        origin: Dotted key → file or layer, for every key that some layer set; the others have their default.
        secret_keys: Dotted keys whose value came out of a secret file.
        notices: What holds though not as it is written; said once when something starts.
    """

    settings: Settings
    origin: Mapping[str, str]
    secret_keys: frozenset[str] = frozenset()
    notices: tuple[Notice, ...] = ()


@dataclass(slots=True)
class _Layers:
    """The layers so far, and what was found out about them."""

    tree: Tree = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)

    def lay(self, sources: Iterable[Source]) -> None:
        """Put sources on top, each above the one before."""
        for source in sources:
            below = plain(self.tree.get("plugins", {}))
            content = translated(source.content, source.origin, below, self.notices, self.mistakes)
            self.tree = merge(self.tree, to_tree(content, source.origin, literal=source.literal))


def load_settings(
    *,
    environment: str | None = None,
    overlay: Path | None = None,
    saved: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
    config_dir: Path | None = None,
) -> LoadedSettings:
    """Read all layers.

    Args:
        environment: development, staging or production; else FOUNDRY_ENVIRONMENT, FOUNDRY__app__environment, the
            overlay, development.
        overlay: The department's file; else FOUNDRY_OVERLAY, else department.yaml in the data folder if it exists.
        saved: Nested mapping of what was saved in the admin app; may hold ``secret://name``, no ``${VAR}``.
        config_dir: Folder of the shipped files; else FOUNDRY_CONFIG_DIR, else the package's own.

    Raises:
        IncompleteSettingsError: Nothing is wrong but variables that are not set.
        ConfigurationError: Lists every mistake with its file, key, what was found and what is allowed.
    """
    layers = _Layers()
    said = _said_environment(environment, environ, layers.notices)
    variables = from_environment(environ, layers.mistakes)
    folder = config_dir or Path(environ.get("FOUNDRY_CONFIG_DIR") or Path(__file__).parent)
    data_dir = _data_dir(folder, said, variables, environ)
    path = _overlay_path(overlay, environ, data_dir)
    department = [read_yaml(path, layers.mistakes)] if path is not None else []
    chosen = said or _environment_in(department, environ)
    layers.lay(read_yaml(folder / name, layers.mistakes) for name in _shipped_names(chosen))
    layers.lay(department)
    layers.lay([Source(SAVED, saved or {}, literal=True), *variables])
    if said:
        layers.lay([Source("the chosen environment", {"app": {"environment": chosen}}, literal=True)])

    secrets_dir = Path(environ.get("FOUNDRY_SECRETS_DIR") or data_dir / "secrets")
    references = References(environ, secrets_dir, layers.mistakes, _ignored_variables(layers.tree, environ))
    tree = _enable(references.resolve(layers.tree), references)
    unset: list[Mistake] = []
    settle(tree, references.missing, references.is_set, layers.notices, unset)
    given = leaves(tree)
    settings = validated(plain(tree), given, layers.mistakes)
    if settings is not None:
        settings = completed(settings, given, layers.mistakes)
    refuse([*unset, *layers.mistakes], layers.notices, settings=settings if not layers.mistakes else None)
    assert settings is not None
    return LoadedSettings(
        settings,
        MappingProxyType({key: leaf.origin for key, leaf in given.items() if not key.endswith(WRITTEN)}),
        frozenset(references.secret_keys),
        tuple(dict.fromkeys(layers.notices)),
    )


def settings_files(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Every file that ``load_settings`` reads for this environment, whether it is there or not.

    Raises:
        ConfigurationError: The environment is none of those there are.
    """
    folder = Path(environ.get("FOUNDRY_CONFIG_DIR") or Path(__file__).parent)
    said = _said_environment(None, environ, [])
    data_dir = _data_dir(folder, said, from_environment(environ, []), environ)
    named = environ.get("FOUNDRY_OVERLAY")
    overlay = Path(named) if named else data_dir / "department.yaml"
    chosen = said or _environment_in([read_yaml(overlay, [])], environ)
    return (*(folder / name for name in _shipped_names(chosen)), overlay)


def named_variables(environ: Mapping[str, str] = os.environ) -> frozenset[str]:
    """Every variable that the files of this environment refer to, and its ``_FILE`` twin: some hold secrets."""
    found: set[str] = set()
    for path in settings_files(environ):
        if path.is_file():
            found |= variables_in(path.read_text(encoding="utf-8", errors="replace"))
    return frozenset(found | {f"{name}{FILE_SUFFIX}" for name in found})


def _said_environment(argument: str | None, environ: Mapping[str, str], notices: list[Notice]) -> str:
    """The environment that was chosen from outside the files; empty when nobody did.

    Raises:
        ConfigurationError: It is none of those there are, or two are chosen.
    """
    sources = (
        ("the argument environment", argument),
        ("environment variable FOUNDRY_ENVIRONMENT", environ.get("FOUNDRY_ENVIRONMENT")),
        ("environment variable FOUNDRY__app__environment", environ.get("FOUNDRY__app__environment")),
    )
    chosen = ""
    for where, value in sources:
        if not value:
            continue
        today = todays_environment(value)
        if today not in ENVIRONMENTS:
            refuse([Mistake(where, "app.environment", value, " or ".join(ENVIRONMENTS))])
        if chosen and today != chosen and not argument:
            refuse([Mistake(where, "app.environment", value, f"{chosen}, which FOUNDRY_ENVIRONMENT says, or nothing")])
        if today != value and where != sources[2][0]:
            notices.append(Notice(where, "app.environment", f"{value} is called {today} now."))
        chosen = chosen or today
    return chosen


def _environment_in(department: Iterable[Source], environ: Mapping[str, str]) -> str:
    """The environment that the department's file names, where it is one of those there are."""
    for source in department:
        app = source.content.get("app")
        if isinstance(app, Mapping) and isinstance(app.get("environment"), str):
            tree = to_tree({"environment": app["environment"]}, source.origin)
            named = str(plain(References(environ, Path(), []).resolve(tree)).get("environment", ""))
            if todays_environment(named) in ENVIRONMENTS:
                return todays_environment(named)
    return _DEFAULT_ENVIRONMENT


def _shipped_names(environment: str) -> tuple[str, ...]:
    return ("base.yaml", _FILES[environment], "plugins.yaml")


def _data_dir(folder: Path, said: str, variables: Iterable[Source], environ: Mapping[str, str]) -> Path:
    # The overlay may lie in the data folder, so the layers below and above it must say where that is.
    layers = _Layers()
    # Without what is plugged in, which says nothing of it and takes longest to read.
    layers.lay(read_yaml(folder / name, []) for name in _shipped_names(said or _DEFAULT_ENVIRONMENT)[:2])
    layers.lay(variables)
    storage = References(environ, Path(), []).resolve({"storage": layers.tree.get("storage", {})})["storage"]
    value = plain(storage).get("data_dir") if isinstance(storage, dict) else None
    return Path(str(value)).expanduser() if value else Settings().storage.data_dir


def _overlay_path(argument: Path | None, environ: Mapping[str, str], data_dir: Path) -> Path | None:
    if argument is not None:
        return argument
    if named := environ.get("FOUNDRY_OVERLAY"):
        return Path(named)
    usual = data_dir / "department.yaml"
    return usual if usual.exists() else None


def _entries(tree: Tree) -> list[Tree]:
    plugins = tree.get("plugins")
    if not isinstance(plugins, dict):
        return []
    kinds = [node for key in SETTINGS_KEYS.values() if isinstance(node := plugins.get(key), dict)]
    return [entry for entries in kinds for entry in entries.values() if isinstance(entry, dict)]


def _enabling(entry: Tree) -> list[str]:
    node = entry.get("enabled_by")
    return [str(name) for name in node.value] if isinstance(node, Leaf) and isinstance(node.value, list) else []


def _ignored_variables(tree: Tree, environ: Mapping[str, str]) -> frozenset[str]:
    # Demo and tests must behave the same on every machine, whatever keys its owner has lying about.
    if environ.get(IGNORE_MODEL_KEYS, "").lower() not in ("1", "true", "yes"):
        return frozenset()
    return frozenset(name for entry in _entries(tree) for name in _enabling(entry))


def _enable(tree: Tree, references: References) -> Tree:
    for entry in _entries(tree):
        names = _enabling(entry)
        if names and "enabled" not in entry:
            found = [name for name in names if references.is_set(name)]
            origin = f"environment variable {found[0]}" if found else f"none of {', '.join(names)} is set"
            entry["enabled"] = Leaf(bool(found), origin, literal=True)
    return tree
