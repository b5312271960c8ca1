"""Does a stranger's plugin that misbehaves stay outside, with a reason in words?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.models import PluginEntry
from core.errors import ConfigurationError
from core.types import PluginStatus
from plugins.framework.installed import installed, manifest_of, offered
from plugins.framework.manager import PluginManager
from plugins.framework.sandbox import ProbeLimits, probe
from plugins.interfaces import PluginContext
from tests.support.strangers import forget, install

LIMITS = ProbeLimits(memory_mb=2048, cpu_s=5, wall_s=20)
QUICK = ProbeLimits(memory_mb=2048, cpu_s=20, wall_s=2.5)


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> Iterator[None]:
    yield
    forget()


async def verdict(name: str, config: dict[str, Any] | None = None, limits: ProbeLimits = LIMITS) -> str:
    """Why it may not come in; empty when it may."""
    found = installed(name)
    assert found is not None
    try:
        await probe(found, "cache", config or {}, limits=limits)
    except ConfigurationError as error:
        return str(error)
    return ""


async def test_an_honest_plugin_comes_in_and_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = install(tmp_path, monkeypatch, "class Thing(Base): ...")
    assert await verdict(name) == ""
    async with httpx.AsyncClient() as http:
        manager = PluginManager(
            {"cache": [PluginEntry(name="mine", plugin=name)]}, PluginContext(http=http, data_dir=tmp_path)
        )
        assert await manager.build("cache") == ("mine",)
        assert manager.states()[0].status is PluginStatus.HEALTHY
        await manager.close()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise ZeroDivisionError('at import')", "at import"),
        ("import langgraph\nclass Thing(Base): ...", "imports langgraph, which its plugin.yaml does not declare"),
        ("class Thing(Base):\n    async def start(self):\n        import rq", "imports rq"),
        (
            "class Thing(Base):\n    async def start(self):\n        import importlib\n"
            "        importlib.import_module('sqlalchemy')",
            "imports sqlalchemy",
        ),
        ("import subprocess\nsubprocess.run(['true'])", "starts other programs"),
        ("import os\nos.system('true')", "starts other programs"),
        ("open('/tmp/foundry-stranger', 'w')", "writes to /tmp/foundry-stranger"),
        ("import urllib.request\nurllib.request.urlopen('http://evil.example/')", "calls evil.example"),
        ("import socket\nsocket.socket().connect(('127.0.0.1', 9))", "connects to 127.0.0.1"),
        ("class Thing(Base):\n    async def get(self): ...", "get() must take (key)"),
        ("class Thing(Base):\n    def get(self, key): ...", "get() must be `async def`"),
        ("class Thing(Base):\n    clear = None", "clear is missing"),
        ("class Thing(Base):\n    async def health_check(self):\n        return 'fine'", "returned str, not Health"),
        ("class Thing(Base):\n    async def start(self):\n        raise RuntimeError('no licence')", "no licence"),
        ("import os\nos._exit(3)", "brought its process down (exit code 3)"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "signal SIGSEGV"),
        ("hoard = bytearray(8 << 30)", "more memory"),
        ("print('{\"problem\": \"\"}')\nraise RuntimeError('not heard')", "not heard"),
        ("import sys\nsys.exit(0)", "SystemExit"),
    ],
)
async def test_what_misbehaves_stays_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, reason: str
) -> None:
    assert reason in await verdict(install(tmp_path, monkeypatch, body))


@pytest.mark.parametrize(
    "body",
    [
        "import time\ntime.sleep(600)",
        "class Thing(Base):\n    async def start(self):\n        await asyncio.Event().wait()",
    ],
)
async def test_one_that_never_gets_ready_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    assert "not ready within 2.5 s" in await verdict(install(tmp_path, monkeypatch, body), limits=QUICK)


async def test_endless_computing_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = install(tmp_path, monkeypatch, "while True: pass")
    limits = ProbeLimits(memory_mb=2048, cpu_s=3, wall_s=120)
    assert "too much computing time" in await verdict(name, limits=limits)


async def test_what_is_declared_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "import yaml\nimport socket\nsocket.getaddrinfo('localhost', 80)\nclass Thing(Base): ..."
    name = install(tmp_path, monkeypatch, body, modules="[PyYAML]", hosts="[localhost]")
    assert await verdict(name) == ""


async def test_the_host_an_operator_names_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "import socket\nclass Thing(Base):\n    async def start(self):\n        socket.getaddrinfo('localhost', 80)"
    name = install(tmp_path, monkeypatch, body)
    assert "calls localhost" in await verdict(name)
    assert await verdict(name, {"url": "http://localhost:80/"}) == ""


async def test_our_environment_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    body = "import os\nraise RuntimeError(os.environ.get('OPENAI_API_KEY', 'nothing'))"
    assert "nothing" in await verdict(install(tmp_path, monkeypatch, body))


async def test_a_manifest_is_needed_and_must_be_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = install(tmp_path, monkeypatch, "class Thing(Base): ...", kind="oven")
    assert "kind" in await verdict(wrong)
    (tmp_path / wrong / "plugin.yaml").unlink()
    forget()
    assert "has no plugin.yaml" in await verdict(wrong)
    assert manifest_of(wrong) is None


async def test_an_entry_point_must_be_the_class_of_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = install(tmp_path, monkeypatch, "class Thing(Base): ...", reference="stranger:Other")
    assert "names stranger:Other" in await verdict(name)


def test_installed_plugins_are_listed_after_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "class Thing(Base): ...")
    last = [item for item in offered() if item.package][-1]
    assert (last.package, last.reference) == ("stranger", "stranger:Thing")
    assert last.manifest is not None
