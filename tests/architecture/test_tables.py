"""Does the product write and read every table that it has?

A table that nobody writes looks like a feature to whoever reads the schema, one that nobody reads keeps data for
nothing. Writing is making rows; reading is asking for them. Deleting is neither: it follows from the table.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import db.models  # noqa: F401 - declares the tables
from db.base import Base

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "config", "db", "plugins", "graph", "services", "jobs", "chat_app", "admin_app")
MIGRATIONS = ROOT / "db" / "migrations"
DECLARED = (ROOT / "db" / "models", MIGRATIONS)
WRITER, READER = "writer", "reader"
EXPECTED = {
    "api_keys": ({WRITER}, "keys are issued by the issue on groups and keys"),
    "audit_logs": ({READER}, "written for whoever has to look into the database; no page shows them yet"),
    "grants": ({WRITER}, "given by the issue on groups and keys"),
    "group_members": ({WRITER}, "the same"),
    "groups": ({WRITER, READER}, "the same"),
    "semantic_cache": ({WRITER}, "filled by the issue on caching"),
}
"""What is known to be missing, and what brings it."""

TABLES = {mapper.class_.__name__: mapper.local_table.name for mapper in Base.registry.mappers}  # type: ignore[attr-defined]
READS = frozenset({"select", "get", "get_one", "join", "outerjoin", "select_from", "aliased", "exists"})
_SQL = re.compile(r"\s*(?:SELECT|WITH|INSERT|UPDATE)\b")
_INSERTED = re.compile(r"\binsert\s+into\s+(?:public\.)?(\w+)", re.IGNORECASE)
_ASKED = re.compile(r"\b(?:from|join)\s+(?:public\.)?(\w+)", re.IGNORECASE)
_FUNCTION = re.compile(r"create\s+(?:or\s+replace\s+)?function\s+(?:public\.)?(\w+)\(", re.IGNORECASE)
_SIGNATURE = re.compile(r"(\w+)\([^()]*\)(?:\s+returns\b.*)?", re.IGNORECASE | re.DOTALL)


@dataclass(slots=True)
class Used:
    """Tables that code writes and reads, and the SQL in it."""

    written: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    sql: list[str] = field(default_factory=list)

    def missing(self, table: str) -> set[str]:
        """What a table lacks."""
        return {kind for kind, tables in ((WRITER, self.written), (READER, self.read)) if table not in tables}


def look(source: str, used: Used) -> None:
    """Add what a module does."""
    tree = ast.parse(source)
    known = _models(tree)
    for node in ast.walk(tree):
        if _SQL.match(text := _text(node)):
            used.sql.append(text)
            used.written |= set(_INSERTED.findall(text))
            used.read |= set(_ASKED.findall(text))
        elif isinstance(node, ast.Call):
            name = _called(node)
            if name in known:
                used.written.add(known[name])
            if name == "insert":
                used.written |= _named(node, known)
            elif name in READS:
                used.read |= _named(node, known)


def _models(tree: ast.Module) -> dict[str, str]:
    """Names that stand for a model in this module, with its table; also where a module calls one by another name."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("db.models"):
            known |= {one.asname or one.name: TABLES[one.name] for one in node.names if one.name in TABLES}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id in known:
            known |= {one.id: known[node.value.id] for one in node.targets if isinstance(one, ast.Name)}
    return known


def _text(node: ast.AST | None) -> str:
    """A text in the code; empty for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def _named(call: ast.Call, known: dict[str, str]) -> set[str]:
    """Tables among what a call is given."""
    nodes = (node for argument in call.args for node in ast.walk(argument))
    return {known[node.id] for node in nodes if isinstance(node, ast.Name) and node.id in known}


def functions() -> Iterator[tuple[str, str]]:
    """(name, body) of the functions that migrations put into the database."""
    for path in sorted(MIGRATIONS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if match := _FUNCTION.search(_text(node)):
                yield match[1], _text(node)
            elif isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if match := _SIGNATURE.match(_text(key)):
                        yield match[1], _text(value)


@pytest.fixture(scope="module")
def used() -> Used:
    """Of the whole product."""
    found = Used()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "tests" not in path.parts and not any(path.is_relative_to(folder) for folder in DECLARED):
                look(path.read_text(encoding="utf-8"), found)
    sql = "\n".join(found.sql)
    for name, body in functions():
        if re.search(rf"\b{name}\(", sql):
            found.read |= set(_ASKED.findall(body))
    return found


def test_every_table_is_written_and_read_or_is_known_to_wait(used: Used) -> None:
    tables = set(TABLES.values())
    assert tables == set(Base.metadata.tables), "a table without a model"
    missing = {table: used.missing(table) for table in sorted(tables) if used.missing(table)}
    known = {table: lacks for table, (lacks, _) in EXPECTED.items()}
    assert missing == known, "a new table needs a writer and a reader; what has both by now leaves the list"


@pytest.mark.parametrize(
    ("source", "lacks"),
    [
        ("from db.models import Group\nsession.add(Group(name='x'))", {READER}),
        ("from db.models import Group\nsession.execute(insert(Group), rows)", {READER}),
        ("execute(text('INSERT INTO groups (name) VALUES (:n)'))", {READER}),
        ("from db.models import Group\nsession.scalars(select(Group.name).where(Group.id == one))", {WRITER}),
        ("from db.models import Group as Team\nsession.get_one(Team, one)", {WRITER}),
        ("from db.models import Group\nteam = Group\nsession.scalar(select(team.id))", {WRITER}),
        ("from db.models import Chat, Group\nselect(Chat).join(Group, Group.id == Chat.group_id)", {WRITER}),
        ("text('SELECT g.name FROM users u JOIN public.groups g ON g.id = u.group_id')", {WRITER}),
        ("from db.models import Group\nsession.execute(delete(Group).where(Group.id == one))", {WRITER, READER}),
        ("from db.models import Group\ndef show(group: Group) -> str: ...", {WRITER, READER}),
        ("from elsewhere import Group\nselect(Group(1))", {WRITER, READER}),
        ("def one(): '''Insert into groups what comes from groups.'''", {WRITER, READER}),
        ("execute(text('DELETE FROM groups'))", {WRITER, READER}),
    ],
)  # fmt: skip
def test_writing_and_reading_are_told_from_naming(source: str, lacks: set[str]) -> None:
    found = Used()
    look(source, found)
    assert found.missing("groups") == lacks


def test_functions_of_the_database_are_found_with_what_they_ask() -> None:
    asked = {name: set(_ASKED.findall(body)) for name, body in functions()}
    assert asked["worker_last_seen"] == {"worker_beats"}
    assert "settings_versions" in asked["current_settings"]
