"""How do files, saved settings and the environment become one frozen set of settings?

base.yaml < dev|staging|prod.yaml < plugins.yaml < department overlay < saved settings < FOUNDRY__section__key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import pydantic

from config.checks import cross_check
from config.infrastructure import Environment
from config.layers import Leaf, Tree, from_environment, leaves, merge, plain, read_yaml, to_tree
from config.mistakes import Mistake, refuse
from config.models import KINDS, PluginSettings, Settings
from config.problems import as_mistakes
from config.references import References, resolve_settings

ENVIRONMENTS: tuple[str, ...] = get_args(Environment)
IGNORE_MODEL_KEYS = "FOUNDRY_IGNORE_MODEL_KEYS"
SAVED = "saved settings"


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings and where each of them came from.

    Attributes:
        origin: Dotted key → file or layer, for every key that some layer set; the others have their default.
        secret_keys: Dotted keys whose value came out of a secret file.
    """

    settings: Settings
    origin: Mapping[str, str]
    secret_keys: frozenset[str] = frozenset()


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
        environment: dev, staging or prod; else FOUNDRY_ENVIRONMENT, else FOUNDRY__app__environment, else dev.
        overlay: The department's file; else FOUNDRY_OVERLAY, else department.yaml in the data folder if it exists.
        saved: Nested mapping of what was saved in the admin app; may hold ``secret://name``, no ``${VAR}``.
        config_dir: Folder of the shipped files; else FOUNDRY_CONFIG_DIR, else the package's own.

    Raises:
        ConfigurationError: Lists every mistake with its file, key, what was found and what is allowed.
    """
    mistakes: list[Mistake] = []
    folder = config_dir or Path(environ.get("FOUNDRY_CONFIG_DIR") or Path(__file__).parent)
    chosen = _chosen_environment(environment, environ)
    tree = _shipped(folder, chosen, mistakes)
    environment_tree = from_environment(environ, mistakes)
    data_dir = _data_dir(merge(tree, environment_tree), environ)
    path = _overlay_path(overlay, environ, data_dir)
    if path is not None:
        tree = merge(tree, read_yaml(path, mistakes))
    tree = merge(tree, to_tree(saved or {}, SAVED, literal=True))
    tree = merge(tree, environment_tree)
    tree = merge({"app": {"environment": Leaf(chosen, "the chosen environment", literal=True)}}, tree)

    secrets_dir = Path(environ.get("FOUNDRY_SECRETS_DIR") or data_dir / "secrets")
    references = References(environ, secrets_dir, mistakes, _ignored_variables(tree, environ))
    tree = _enable(references.resolve(tree), references)
    settings = _validate(tree, chosen, mistakes)
    given = leaves(tree)
    return LoadedSettings(
        settings,
        MappingProxyType({key: leaf.origin for key, leaf in given.items()}),
        frozenset(references.secret_keys),
    )


def settings_files(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Every file that ``load_settings`` reads for this environment, whether it is there or not.

    Raises:
        ConfigurationError: The environment is none of those there are.
    """
    folder = Path(environ.get("FOUNDRY_CONFIG_DIR") or Path(__file__).parent)
    chosen = _chosen_environment(None, environ)
    data_dir = _data_dir(merge(_shipped(folder, chosen, []), from_environment(environ, [])), environ)
    named = environ.get("FOUNDRY_OVERLAY")
    overlay = Path(named) if named else data_dir / "department.yaml"
    return (*(folder / name for name in _shipped_names(chosen)), overlay)


def _chosen_environment(argument: str | None, environ: Mapping[str, str]) -> str:
    sources = (
        ("the argument environment", argument),
        ("environment variable FOUNDRY_ENVIRONMENT", environ.get("FOUNDRY_ENVIRONMENT")),
        ("environment variable FOUNDRY__app__environment", environ.get("FOUNDRY__app__environment")),
    )
    for where, value in sources:
        if value and value not in ENVIRONMENTS:
            refuse([Mistake(where, "app.environment", value, " or ".join(ENVIRONMENTS))])
        if value:
            return value
    return "dev"


def _shipped_names(environment: str) -> tuple[str, ...]:
    return ("base.yaml", f"{environment}.yaml", "plugins.yaml")


def _shipped(folder: Path, environment: str, mistakes: list[Mistake]) -> Tree:
    tree: Tree = {}
    for name in _shipped_names(environment):
        tree = merge(tree, read_yaml(folder / name, mistakes))
    return tree


def _data_dir(tree: Tree, environ: Mapping[str, str]) -> Path:
    # The overlay may lie in the data folder, so the layers below it must say where that is.
    storage = References(environ, Path(), []).resolve({"storage": tree.get("storage", {})})["storage"]
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
    kinds = [node for kind in KINDS if isinstance(node := plugins.get(kind), dict)]
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


def _validate(tree: Tree, chosen: str, mistakes: list[Mistake]) -> Settings:
    content, given = plain(tree), leaves(tree)
    plugins = content.get("plugins")
    for kind in KINDS:
        if isinstance(plugins, dict) and isinstance(plugins.get(kind), dict):
            plugins[kind] = list(plugins[kind].values())
    try:
        settings = Settings.model_validate(content)
    except pydantic.ValidationError as error:
        mistakes.extend(as_mistakes(error, content, given))
    else:
        mistakes.extend(cross_check(settings, given))
        if settings.app.environment != chosen:
            origin = given["app.environment"].origin
            found = settings.app.environment
            mistakes.append(Mistake(origin, "app.environment", found, f"{chosen}, which was chosen, or nothing"))
        settings = _complete(settings, given, mistakes)
    refuse(mistakes)
    return settings


def _complete(settings: Settings, given: Mapping[str, Leaf], mistakes: list[Mistake]) -> Settings:
    """Settings with ``setting://`` replaced in plugin options and the shorthand ``vector_db.provider`` filled in.

    Of the vector stores only those in use stay enabled: building another would need a server that nobody runs.
    """
    changed: dict[str, Any] = {}
    for kind in KINDS:
        entries = []
        for entry in settings.plugins.of(kind):
            try:
                options = resolve_settings(entry.config, settings)
            except KeyError as unknown:
                key = f"plugins.{kind}.{entry.name}.config"
                origin = next((leaf.origin for name, leaf in given.items() if name.startswith(key)), "default")
                mistakes.append(
                    Mistake(
                        origin, key, f"setting://{unknown.args[0]}", "setting:// and an existing key outside plugins"
                    )
                )
                continue
            entries.append(entry.model_copy(update={"config": options}))
        changed[kind] = tuple(entries)
    used = {settings.primary_vector_db, settings.plugins.vector_databases.fallback}
    changed["vector_db"] = tuple(
        entry if entry.name in used else entry.model_copy(update={"enabled": False}) for entry in changed["vector_db"]
    )
    plugins: PluginSettings = settings.plugins.model_copy(update=changed)
    vector_db = settings.vector_db.model_copy(update={"provider": settings.primary_vector_db})
    storage = settings.storage.model_copy(update={"data_dir": settings.storage.data_dir.expanduser()})
    return settings.model_copy(update={"plugins": plugins, "vector_db": vector_db, "storage": storage})
