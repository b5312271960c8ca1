"""Does every key of the settings change what the product does, and does a test see it?

A test that changes a key and sees the difference is marked ``@pytest.mark.sees("section.key", …)``. Keys that a later
release obeys have no such test; ``tests/unit/config/test_later.py`` goes through them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.later import later_keys
from config.reference import all_keys

ROOT = Path(__file__).resolve().parents[2]
MARK = "pytest.mark.sees"
_MARKED = re.compile(rf"^@{re.escape(MARK)}\(.*?\)$", re.MULTILINE | re.DOTALL)


def _marks(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    return [
        argument.value
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == MARK
        for argument in decorator.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]


def _seen() -> Iterator[tuple[str, str, str]]:
    """(key, test, its module without marks) of every mark in the repository."""
    for folder in (ROOT / "tests", ROOT / "plugins"):
        for path in sorted(folder.rglob("test_*.py")):
            source = path.read_text(encoding="utf-8")
            if MARK not in source:
                continue
            text = _MARKED.sub("", source)
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    for key in _marks(node):
                        yield key, f"{path.relative_to(ROOT)}::{node.name}", text


SEEN = list(_seen())
KEYS = {key for key, _ in all_keys()} - later_keys()


def test_every_key_has_a_test_that_sees_it_and_no_test_names_a_key_that_is_gone() -> None:
    seen = {key for key, _, _ in SEEN}
    assert KEYS - seen == set(), "no test sees these: write one, and mark it with pytest.mark.sees"
    assert seen - KEYS == set(), "these keys are gone or come later; the marks name them still"


@pytest.mark.parametrize(("key", "test", "text"), SEEN, ids=[f"{key}-{test.split('::')[1]}" for key, test, _ in SEEN])
def test_who_says_to_see_a_key_names_it(key: str, test: str, text: str) -> None:
    assert key.split(".")[-1] in text, f"{test} is marked with {key}, and neither it nor its module speaks of it"
