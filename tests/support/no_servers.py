"""How does the fast lane stay fast? A test in it that asks for a server, or starts one, fails and says where to go.

``tests/unit/conftest.py`` calls these. What is watched are fixtures by their names, and programs by theirs, whoever
starts them; a stand-in that a test writes itself (a script) is no server.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FIXTURES = frozenset({"postgres_server", "redis_socket", "chroma_address", "browser", "models_dir"})
"""Each starts a server or builds a model; every other fixture that does asks for one of them."""
PROGRAMS = frozenset({"postgres", "initdb", "pg_ctl", "redis-server"})
REMEDY = "Tests here start no server and build no model: move it to tests/integration."

_watching = False


def refuse_fixtures(asked_for: Collection[str]) -> None:
    """Fail the test that asks for a server.

    Raises:
        pytest.fail.Exception: It does; names the fixtures.
    """
    servers = sorted(FIXTURES.intersection(asked_for))
    if servers:
        pytest.fail(f"It asks for {', '.join(servers)}. {REMEDY}", pytrace=False)


@contextmanager
def watching_programs() -> Iterator[None]:
    """Whoever starts a server inside the block gets an ``AssertionError`` instead."""
    global _watching
    before, _watching = _watching, True
    try:
        yield
    finally:
        _watching = before


def _servers_among(command: Iterable[object]) -> list[str]:
    found = [os.fsdecode(part) for part in command if isinstance(part, str | bytes | os.PathLike)]
    return [part for part in found if Path(part).name in PROGRAMS and not _is_script(part)]


def _is_script(program: str) -> bool:
    path = shutil.which(program) or program
    try:
        with Path(path).open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return True  # nothing that could be started


def _listen(event: str, arguments: tuple[object, ...]) -> None:
    if not _watching or event != "subprocess.Popen":
        return
    executable, command = arguments[:2]
    parts = command if isinstance(command, list | tuple) else [command]
    if "stop" in parts:
        # The last test of a process may be one here; what others shared is ended after it.
        return
    servers = _servers_among([executable, *parts])
    if servers:
        raise AssertionError(f"It starts {servers[0]}. {REMEDY}")


sys.addaudithook(_listen)
