"""Which plugins did other packages bring?

A package offers a plugin by an entry point of the group ``knowledge_foundry.plugins`` whose module lies beside a
``plugin.yaml``. Reading that manifest runs none of the package's code.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from core.errors import ConfigurationError
from plugins.framework.manifest import FILE, Manifest, discover, read_manifest

GROUP = "knowledge_foundry.plugins"


@dataclass(frozen=True, slots=True)
class Offered:
    """A plugin that can be named in the settings.

    Attributes:
        reference: ``module:Class``.
        folder: Where its files lie; None when they cannot be found.
        manifest: None when it has none or a wrong one; ``problem`` then says so.
        package: Name of the package that brought it; empty for those we ship.
    """

    reference: str
    folder: Path | None
    manifest: Manifest | None
    package: str = ""
    problem: str = ""


def offered() -> list[Offered]:
    """All shipped plugins in the order of their folders, then those of other packages by name."""
    shipped = [Offered(manifest.reference, folder, manifest) for folder, manifest in discover()]
    return shipped + sorted(_others().values(), key=lambda item: item.reference)


def manifest_of(reference: str) -> Manifest | None:
    """The manifest of a plugin by its reference or the name of its entry point; None when there is none."""
    if reference in _shipped():
        return _shipped()[reference]
    found = installed(reference)
    return found.manifest if found is not None else None


def installed(reference: str) -> Offered | None:
    """What another package offers under a name or a reference; None when nothing does."""
    point = entry_point(reference)
    return _others()[point.value] if point is not None else None


def entry_point(reference: str) -> EntryPoint | None:
    """The entry point of our group with that name or value."""
    return next((point for point in _points() if reference in (point.name, point.value)), None)


@cache
def _points() -> tuple[EntryPoint, ...]:
    # Reading the metadata of all packages takes milliseconds; a package installed meanwhile needs a restart anyhow.
    return tuple(entry_points(group=GROUP))


@cache
def _shipped() -> Mapping[str, Manifest]:
    return {manifest.reference: manifest for _, manifest in discover()}


@cache
def _others() -> Mapping[str, Offered]:
    return {point.value: _offered(point) for point in _points()}


def _offered(point: EntryPoint) -> Offered:
    package = point.dist.name if point.dist is not None else "an unknown package"
    folder = _folder(point.module)
    if folder is None:
        return Offered(point.value, None, None, package, f"The package {package} has no {FILE} beside {point.module}.")
    try:
        manifest = read_manifest(folder / FILE)
    except ConfigurationError as error:
        return Offered(point.value, folder, None, package, str(error))
    if manifest.reference != point.value:
        problem = f"Its {FILE} names {manifest.reference}, its entry point {point.value}."
        return Offered(point.value, folder, None, package, problem)
    return Offered(point.value, folder, manifest, package)


def _folder(module: str) -> Path | None:
    """Folder with the manifest of a module, found without importing anything."""
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None:
        return None
    for location in spec.submodule_search_locations or ():
        path = Path(location).joinpath(*rest)
        for folder in (path, path.parent):
            if (folder / FILE).is_file() and folder.is_relative_to(location):
                return folder
    return None
