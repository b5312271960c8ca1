"""Are states named by their enums wherever the product looks at one or sets one?

A word that is compared with a status, or set as one, may be misspelt and still runs: it finds nothing. The members of
``core.states`` cannot be. SQL in ``text()`` keeps its words, as what is bound there would cost the planner its index.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

from core import states

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "config", "db", "graph", "services", "jobs", "chat_app", "admin_app")
"""All but plugins, which speak the words of others."""
FIELDS = frozenset({"status", "stage", "task_type", "subject", "role"})
WORDS = frozenset(
    word.value
    for words in vars(states).values()
    if isinstance(words, type) and issubclass(words, StrEnum) and words is not StrEnum
    for word in words
)
EXCEPTED = {
    "graph/nodes/contextualize.py": "the roles of core.types.Message are a Literal that mypy checks",
    "graph/nodes/rewrite.py": "the same",
    "graph/writing.py": "the roles of core.types.Message are a Literal that mypy checks",
}


def is_field(node: ast.expr) -> bool:
    """Whether a state is in it, by its name."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name) | ast.Subscript(slice=ast.Constant(value=str(name))):
            return name in FIELDS
    return False


def words_in(node: ast.expr) -> Iterator[ast.Constant]:
    """Words of states that are the expression itself, or one of what it may be or holds."""
    match node:
        case ast.Constant(value=str(word)) if word in WORDS:
            yield node
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts) | ast.BoolOp(values=parts):
            for part in parts:
                yield from words_in(part)
        case ast.IfExp(body=body, orelse=other):
            yield from words_in(body)
            yield from words_in(other)


def assigned(target: ast.expr, value: ast.expr) -> Iterator[ast.Constant]:
    """Words that an assignment puts into a state."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, its in zip(target.elts, value.elts, strict=False):
            yield from assigned(one, its)
    elif is_field(target):
        yield from words_in(value)


def literals(tree: ast.AST) -> Iterator[ast.Constant]:
    """Words that stand where a member of an enum is meant."""
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg=str(name), value=value) if name in FIELDS:
                yield from words_in(value)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from assigned(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield from assigned(target, value)
            case ast.Compare(left=left, comparators=others) if any(map(is_field, [left, *others])):
                for side in (left, *others):
                    yield from words_in(side)
            case ast.Call(func=ast.Attribute(value=column, attr="in_" | "not_in"), args=args) if is_field(column):
                for argument in args:
                    yield from words_in(argument)
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and key.value in FIELDS:
                        yield from words_in(value)


def test_no_state_is_named_by_a_literal() -> None:
    found: dict[str, list[str]] = {}
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    assert len(files) > 100
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if lines := [f"{word.lineno}: {word.value!r}" for word in literals(tree)]:
            found[str(path.relative_to(ROOT))] = lines
    assert found.keys() == EXCEPTED.keys(), f"name them by core.states: {found}"


@pytest.mark.parametrize(
    "line",
    [
        'task.status == "failed"',
        '"ready" != document.status',
        'Task.status.in_(("queued", "running"))',
        'status in {"completed", other}',
        'receipt["status"] == "failed"',
        'document.status, document.error = "ready", None',
        'document.status = "ready" if answers else "failed"',
        'stage: str = "parsing"',
        'update(Task).values(status="completed")',
        '{"task_type": "move"}',
    ],
)
def test_a_literal_is_found(line: str) -> None:
    assert list(literals(ast.parse(line)))


@pytest.mark.parametrize(
    "line", ['outcome = "failed"', "task.status is TaskStatus.FAILED", 'health.status == "broken"', 'f(kind="move")']
)
def test_what_is_no_state_is_let_be(line: str) -> None:
    assert not list(literals(ast.parse(line)))
