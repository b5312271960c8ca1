"""Are busy ports, full disks and useless folders told apart, in words that help?"""

from __future__ import annotations

import os
import shutil
import socket
import stat
from pathlib import Path

import psutil
import pytest

from core.errors import ConfigurationError
from services.embedded.preflight import free_port, prepare_folder, require_port, require_space


def test_a_busy_port_names_the_program_and_the_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(
            ConfigurationError, match=rf"Port {port} for the chat is taken by .+ \(process {os.getpid()}\)\."
        ) as caught:
            require_port(port, what="the chat", option="--chat-port")
    assert "--chat-port " in caught.value.next_step
    suggested = int(caught.value.next_step.rstrip(".").rsplit(" ", 1)[1])
    require_port(suggested, what="the chat", option="--chat-port")


def test_a_port_this_account_may_not_use_is_told_from_a_taken_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_socket: socket.socket, _address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", forbidden)
    with pytest.raises(ConfigurationError, match=r"Port 80 for the chat may not be used.*above 1023: --chat-port PORT"):
        require_port(80, what="the chat", option="--chat-port")


@pytest.mark.parametrize("error", [psutil.AccessDenied(), PermissionError()])
def test_where_the_system_does_not_tell_who_listens_the_port_is_taken_all_the_same(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def secretive(kind: str) -> list[object]:
        raise error

    monkeypatch.setattr(psutil, "net_connections", secretive)
    with socket.create_server(("127.0.0.1", 0)) as server:
        with pytest.raises(ConfigurationError, match=r"for the chat is taken\."):
            require_port(server.getsockname()[1], what="the chat", option="--chat-port")


def test_a_listener_that_ended_meanwhile_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(pid: int) -> psutil.Process:
        raise psutil.NoSuchProcess(pid)

    monkeypatch.setattr(psutil, "Process", gone)
    with socket.create_server(("127.0.0.1", 0)) as server:
        with pytest.raises(ConfigurationError, match=r"for the chat is taken\."):
            require_port(server.getsockname()[1], what="the chat", option="--chat-port")


def test_a_free_port_passes() -> None:
    require_port(free_port(), what="the chat", option="--chat-port")


def test_a_nearly_full_disk_is_refused_with_the_figures(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(ConfigurationError, match=r"nearly full: \d+ MB are free, \d+ MB are needed"):
        require_space(tmp_path, least_bytes=free * 2 + 1)
    require_space(tmp_path, least_bytes=1)


def test_the_data_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    folder = prepare_folder(tmp_path / "new" / "data")
    assert folder.is_absolute()
    assert stat.S_IMODE(folder.stat().st_mode) & 0o066 == 0


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(ConfigurationError, match=r"cannot be used: .*--data-dir FOLDER"):
        prepare_folder(tmp_path / "data")
