"""Do the arrows between the packages point the way the design says?"""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "config", "db", "plugins", "graph", "services", "jobs", "chat_app", "admin_app")
LINT = str(Path(sys.executable).with_name("lint-imports"))


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LINT, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_every_arrow_is_kept() -> None:
    outcome = lint(ROOT)
    assert outcome.returncode == 0, outcome.stdout
    assert "0 broken" in outcome.stdout


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("core.words", "db.tables"),
        ("config.words", "plugins.interfaces"),
        ("db.words", "config.tables"),
        ("plugins.words", "db.tables"),
        ("graph.words", "plugins.other"),
        ("graph.words", "db.tables"),
        ("services.words", "jobs.tables"),
        ("chat_app.words", "db.tables"),
        ("jobs.words", "plugins.interfaces"),
        ("jobs.words", "chat_app.tables"),
        ("admin_app.words", "services.tables"),
    ],
)
def test_a_bent_arrow_is_found(tmp_path: Path, module: str, forbidden: str) -> None:
    _house(tmp_path, module, forbidden)
    outcome = lint(tmp_path)
    assert outcome.returncode == 1, outcome.stdout
    assert f"{module} -> {forbidden}" in outcome.stdout


@pytest.mark.parametrize(
    ("module", "allowed"),
    [("graph.words", "plugins.interfaces"), ("services.words", "db.tables"), ("chat_app.words", "services.tables")],
)
def test_a_right_arrow_is_allowed(tmp_path: Path, module: str, allowed: str) -> None:
    _house(tmp_path, module, allowed)
    outcome = lint(tmp_path)
    assert outcome.returncode == 0, outcome.stdout


def _house(folder: Path, module: str, imported: str) -> None:
    """The nine packages with one import among them, under our contracts; rooms have a test of their own."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter", "utf-8")
    for name in contracts.sections():
        if contracts[name].get("type") == "layers":
            contracts.remove_section(name)
    with (folder / ".importlinter").open("w", encoding="utf-8") as file:
        contracts.write(file)
    for package in PACKAGES:
        (folder / package).mkdir()
        for name in ("__init__", "tables", "words", "interfaces", "other"):
            (folder / package / f"{name}.py").touch()
    package, name = module.split(".")
    (folder / package / f"{name}.py").write_text(f"import {imported}\n")


@pytest.mark.parametrize(
    ("module", "above"),
    [
        ("services.views", "services.uploads"),
        ("services.uploads", "services.indexing"),
        ("services.indexing", "services.bootstrap"),
        ("services.answers", "services.uploads"),
        ("plugins.vendors", "plugins.llm"),
        ("chat_app.gateway.authentication", "chat_app.gateway.v1"),
    ],
)
def test_a_room_that_looks_up_or_aside_is_found(tmp_path: Path, module: str, above: str) -> None:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter", "utf-8")
    (tmp_path / ".importlinter").write_text((ROOT / ".importlinter").read_text("utf-8"), "utf-8")
    rooms = [f"{package}.words" for package in PACKAGES if package not in ("services", "plugins")]
    for section in contracts.values():
        if section.get("type") == "layers":
            container = section["containers"].strip()
            rooms += [f"{container}.{room}" for room in re.findall(r"\w+", section["layers"])]
    for room in rooms:
        place = tmp_path.joinpath(*room.split("."))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.with_suffix(".py").write_text(f"import {above}\n" if room == module else "")
    for package in {place.parent for place in tmp_path.rglob("*.py")}:
        (package / "__init__.py").touch()
    (tmp_path / "chat_app" / "__init__.py").touch()
    outcome = lint(tmp_path)
    assert outcome.returncode == 1, outcome.stdout
    assert f"{module} -> {above}" in outcome.stdout


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_for(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    if path.name == "__init__.py" and not source.strip():
        return
    assert ast.get_docstring(ast.parse(source)), f"{path.relative_to(ROOT)} has no docstring"
