"""Which crash points stand in the code?"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "db", "plugins", "services", "jobs")


def points_in_code() -> list[str]:
    """The name of every ``crash_point("…")``, in the order of the files."""
    return [name for path in _sources() for name in _named(ast.parse(path.read_text(encoding="utf-8")))]


def _sources() -> list[Path]:
    return [
        path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")) if "tests" not in path.parts
    ]


def _named(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "crash_point":
            (argument,) = node.args
            name = ast.literal_eval(argument)
            assert isinstance(name, str)
            found.append(name)
    return found
