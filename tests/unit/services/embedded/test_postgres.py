"""Is what can be wrong with an embedded PostgreSQL told apart, and a leftover one ended?"""

from __future__ import annotations

import os
import pwd
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from services.embedded import postgres
from services.embedded import redis as embedded_redis
from services.embedded.postgres import EmbeddedPostgres
from services.embedded.redis import EmbeddedRedis


def test_without_binaries_for_this_machine_an_own_server_is_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"no embedded PostgreSQL.*FOUNDRY__database__host"):
        postgres.find_binaries()


def test_an_ordinary_user_runs_it_as_himself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert postgres._account(tmp_path) is None


def test_root_without_any_other_account_is_told_to_be_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody_known(name: str) -> pwd.struct_passwd:
        raise KeyError(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", nobody_known)
    with pytest.raises(ConfigurationError, match=r"does not run as root.*ordinary user"):
        postgres._account(Path("/"))


def test_an_installation_kept_to_root_is_opened_for_reading_and_nothing_more(tmp_path: Path) -> None:
    program, library = tmp_path / "bin" / "postgres", tmp_path / "lib" / "vector.so"
    for path, mode in ((program, 0o700), (library, 0o600)):
        path.parent.mkdir(mode=0o700)
        path.touch()
        path.chmod(mode)
    link = tmp_path / "lib" / "link.so"
    link.symlink_to("/nonexistent")
    postgres._let_read(tmp_path)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (program, program.parent, library)]
    assert modes == [0o755, 0o755, 0o644]
    library.chmod(0o600)
    postgres._let_read(tmp_path)
    assert stat.S_IMODE(library.stat().st_mode) == 0o600, "what is open already is left alone"


def test_folders_on_the_way_may_be_passed_but_not_listed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    postgres._let_through(closed / "data", (12345, 12345))
    assert stat.S_IMODE(closed.stat().st_mode) == 0o701


def test_a_socket_folder_somebody_else_put_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="belongs to somebody else"):
        postgres._socket_dir(tmp_path, None)


# -- what an earlier run left

Leftover = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    folder = tmp_path / "postgres" / "data"
    folder.mkdir(parents=True)
    return folder


def _hear_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def leftover(cluster: Path, tmp_path: Path) -> Iterator[Leftover]:
    """A process that looks like the server of this cluster and does on SIGINT what it was told."""
    started: list[subprocess.Popen[bytes]] = []

    def start(on_interrupt: str) -> subprocess.Popen[bytes]:
        program = tmp_path / "postgres.d" / "postgres"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\ntrap '{on_interrupt}' INT\necho up\nwhile :; do sleep 0.05; done\n")
        program.chmod(0o755)
        # A shell cannot trap a signal that whoever started the tests ignores, as a job in the background does.
        process = subprocess.Popen([program, "-D", cluster], stdout=subprocess.PIPE, preexec_fn=_hear_interrupts)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        (cluster / "postmaster.pid").write_text(f"{process.pid}\n{cluster}\n")
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


async def test_the_server_of_a_killed_run_is_stopped_before_a_new_one_starts(cluster: Path, leftover: Leftover) -> None:
    process = leftover("exit 0")
    await postgres._end_leftover(cluster)
    assert process.wait(timeout=1) == 0


async def test_one_that_does_not_stop_is_named_with_the_remedy(cluster: Path, leftover: Leftover) -> None:
    process = leftover("")
    with pytest.raises(ConfigurationError, match=rf"process {process.pid}\) does not stop.*kill -QUIT {process.pid}"):
        await postgres._end_leftover(cluster, within_s=0.2)


@pytest.mark.parametrize("content", ["", "not a number\n", "999999999\n", "ours"])
async def test_a_note_of_a_process_that_is_gone_or_another_one_harms_nobody(cluster: Path, content: str) -> None:
    (cluster / "postmaster.pid").write_text(f"{os.getpid()}\n" if content == "ours" else content)
    await postgres._end_leftover(cluster)


# -- passwords


async def test_a_server_that_is_not_there_has_not_answered_yet(tmp_path: Path) -> None:
    assert not await postgres._answers(EmbeddedPostgres(tmp_path, "secret"))
    assert not await embedded_redis._answers(EmbeddedRedis(1, "secret"))
