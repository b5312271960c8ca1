"""Is every room small enough to know, and does nobody go in circles?"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "config", "db", "plugins", "graph", "services", "jobs", "chat_app", "admin_app")
LONGEST_FILE, LARGEST_ROOM = 400, 20
FIRST_MIGRATION = "db/migrations/versions/0001_initial_schema.py"


def product_files() -> list[Path]:
    return [
        path
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if "tests" not in path.relative_to(ROOT).parts
    ]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_file_is_longer_than_one_can_hold_in_mind() -> None:
    tested = [path for folder in ("tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    tested += [path for path in (ROOT / "plugins").rglob("*.py") if "tests" in path.parts]
    lengths = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in (*product_files(), *tested)}
    too_long = {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE and name != FIRST_MIGRATION}
    assert too_long == {}


def test_half_of_the_files_are_short_and_nine_in_ten_not_long() -> None:
    lengths = sorted(len(path.read_text("utf-8").splitlines()) for path in product_files() if path.stat().st_size > 200)
    assert lengths[len(lengths) // 2] <= 90
    assert lengths[len(lengths) * 9 // 10] <= 220


def test_nine_in_ten_functions_fit_on_a_hand() -> None:
    lengths = sorted(
        node.end_lineno - node.lineno + 1
        for path in product_files()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None
    )
    assert len(lengths) > 1000
    assert lengths[len(lengths) * 9 // 10] <= 20


def test_no_room_is_a_hall() -> None:
    rooms: dict[str, int] = defaultdict(int)
    for path in product_files():
        if path.name != "__init__.py" and path.parent.name != "versions":
            rooms[name_of(path.parent)] += 1
    assert {room: modules for room, modules in rooms.items() if modules > LARGEST_ROOM} == {}


def test_every_room_says_what_it_is_for() -> None:
    silent = {
        name_of(path)
        for path in product_files()
        if path.name == "__init__.py" and not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    }
    assert silent == set()


def test_rooms_know_no_circle() -> None:
    circles = list(_circles(_arrows(product_files())))
    assert circles == []


def test_a_circle_is_found() -> None:
    arrows = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}
    assert list(_circles(arrows)) == [["b", "c"]]


def _arrows(files: list[Path]) -> Mapping[str, set[str]]:
    """Rooms by the rooms they import from; a module in the hall of its package is a room of its own."""
    modules = {name_of(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__"): path for path in files}
    arrows: dict[str, set[str]] = defaultdict(set)
    for module, path in modules.items():
        for imported in _imports(path):
            target = next((name for name in (imported, imported.rpartition(".")[0]) if name in modules), None)
            if target is not None and _room(target) != _room(module):
                arrows[_room(module)].add(_room(target))
    return arrows


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _circles(arrows: Mapping[str, set[str]]) -> Iterator[list[str]]:
    """Sets of rooms that reach each other, by name."""
    reach = {room: _reached(room, arrows) for room in arrows}
    seen: set[str] = set()
    for room in sorted(arrows):
        if room in reach[room] and room not in seen:
            circle = sorted(other for other in reach[room] if room in reach.get(other, set()))
            seen |= set(circle)
            yield circle


def _reached(room: str, arrows: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(arrows.get(room, ()))
    while waiting:
        if (one := waiting.pop()) not in found:
            found.add(one)
            waiting += arrows.get(one, ())
    return found
