"""Is everything that the guides name really there: pages, routes, commands, settings?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel
from typer.main import get_command

from chat_app.gateway.v1 import ROUTERS
from config.models import Settings
from services.commands.cli import application

ROOT = Path(__file__).resolve().parents[2]
GUIDES = (ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md")))
GUIDE_IDS = [path.name for path in GUIDES]


def _code(path: Path) -> list[str]:
    """What stands in backticks or in blocks of code."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^```.*?\n(.*?)^```", text, flags=re.M | re.S)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    return [*inline, *(line for block in blocks for line in block.splitlines())]


def test_the_guide_names_the_pages_of_the_admin_app() -> None:
    # Read, not imported: the script would run.
    titles = re.findall(r'Shown\(\s*"([^"]+)"', (ROOT / "admin_app" / "pages.py").read_text(encoding="utf-8"))
    guide = (ROOT / "docs" / "admin-guide.md").read_text(encoding="utf-8").partition("\n## ")[0]
    named = set(re.findall(r"^- \*\*([^*]+)\*\*", guide, flags=re.M))
    assert len(titles) > 5
    # Maintenance has a chapter of its own.
    assert named == set(titles) - {"Maintenance"}


@pytest.mark.parametrize("path", GUIDES, ids=GUIDE_IDS)
def test_routes_that_are_named_exist(path: Path) -> None:
    routes = {
        (method, re.sub(r"\{[^}]*\}", "*", route.path))
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert ("GET", "/api/v1/documents/*") in routes
    for code in _code(path):
        for methods, found in re.findall(r"\b((?:GET|POST|PUT|PATCH|DELETE)(?:/POST)?) (/api/v1/[^\s?`]+)", code):
            wanted = re.sub(r"\{[^}]*\}|/\d+", lambda match: "/*" if match[0][0] == "/" else "*", found)
            for method in methods.split("/"):
                assert (method, wanted) in routes, f"{path.name}: {method} {found}"


@pytest.mark.parametrize("path", GUIDES, ids=GUIDE_IDS)
def test_commands_that_are_named_exist(path: Path) -> None:
    commands = get_command(application()).commands  # type: ignore[attr-defined]  # a group, which typer does not say
    assert "up" in commands
    for code in _code(path):
        for name, rest in re.findall(r"(?:^|\s|/)foundry ([a-z]+)((?: [a-z-]+)?)", code):
            assert name in commands, f"{path.name}: {code}"
            inner = getattr(commands[name], "commands", None)
            if inner is not None and rest.strip():
                assert rest.strip() in inner, f"{path.name}: {code}"


@pytest.mark.parametrize("path", GUIDES, ids=GUIDE_IDS)
def test_settings_that_are_named_exist(path: Path) -> None:
    for code in _code(path):
        for key in re.findall(r"(?<![\w./])([a-z_]+(?:\.[a-z_0-9]+)+)(?![\w./(])", code):
            if key.split(".")[0] in Settings.model_fields and not _is_code(key):
                assert _exists(Settings, key.split(".")), f"{path.name}: {key}"


def _is_code(key: str) -> bool:
    """Whether it names a file or a module, not a setting."""
    package, module = key.split(".")[:2]
    found = ROOT / package / module
    return key.endswith((".py", ".md", ".yaml")) or found.is_dir() or found.with_suffix(".py").is_file()


def _exists(model: type[BaseModel], parts: list[str]) -> bool:
    field = model.model_fields.get(parts[0])
    if field is None:
        return False
    inner = field.annotation
    if len(parts) == 1 or not (isinstance(inner, type) and issubclass(inner, BaseModel)):
        return True
    return _exists(inner, parts[1:])
