"""Do wrong command lines and wrong settings end with one readable message and the right exit code?"""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from core.errors import ConfigurationError
from services.commands import doctor
from services.commands.cli import main
from services.commands.user import random_password


@pytest.fixture(autouse=True)
def _process_as_before() -> Iterator[None]:
    """A command line configures logging and environment for its process; here the process goes on."""
    environment = dict(os.environ)
    yield
    structlog.reset_defaults()
    os.environ.clear()
    os.environ.update(environment)


def code_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return int(caught.value.code or 0)


def test_a_wrong_setting_is_one_message_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FOUNDRY__chat__port", "eighty")
    assert code_of("config", "show") == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "FOUNDRY__chat__port" in said.err
    assert "eighty" in said.err
    assert "Traceback" not in said.err


def test_debug_shows_where_the_error_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOUNDRY__chat__port", "eighty")
    with pytest.raises(ConfigurationError):
        main(["--debug", "config", "show"])


def test_a_wrong_command_line_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("ask") == 2
    assert code_of("no-such-command") == 2
    assert "no-such-command" in capsys.readouterr().err


def test_settings_are_shown_with_their_origin_and_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FOUNDRY__database__password", "hush-hush")
    assert code_of("config", "show", "database.", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert "FOUNDRY__database__password" in shown["database.password"]["origin"]
    assert shown["database.password"]["value"] != "hush-hush"
    assert shown["database.port"] == {"value": "5432", "origin": "default"}
    assert all(key.startswith("database.") for key in shown)


def test_nothing_to_ingest_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("ingest", str(tmp_path)) == 1
    assert "There is no file in what was named." in capsys.readouterr().err
    assert code_of("ingest", str(tmp_path / "absent")) == 1
    assert "There is no file or folder" in capsys.readouterr().err


def test_the_doctor_names_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert code_of("doctor", "--data-dir", str(blocked / "data")) == 1
    said = capsys.readouterr().out
    assert "ok   python: 3." in said
    assert "BAD  data folder: The data folder" in said


@pytest.mark.parametrize(("found", "fits"), [((3, 10, 14), False), ((3, 14, 0), False), ((3, 12, 1), True)])
def test_the_doctor_knows_which_pythons_fit(
    monkeypatch: pytest.MonkeyPatch, found: tuple[int, int, int], fits: bool
) -> None:
    monkeypatch.setattr(sys, "version_info", found)
    monkeypatch.setattr(platform, "python_version", lambda: ".".join(map(str, found)))
    (finding,) = doctor._machine()
    assert finding.well is fits
    assert finding.text == (".".join(map(str, found)) + ("" if fits else "; 3.11, 3.12 or 3.13 is needed"))


def test_the_doctor_says_what_a_wrong_setting_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FOUNDRY__chat__port", "eighty")
    assert code_of("doctor") == 1
    assert "BAD  settings: " in capsys.readouterr().out


def test_outside_stores_that_do_not_answer_are_found_by_the_doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FOUNDRY__database__host", str(tmp_path))
    monkeypatch.setenv("FOUNDRY__redis__host", str(tmp_path / "none.sock"))
    monkeypatch.setenv("FOUNDRY__auth__jwt_secret_key", "x" * 40)
    assert code_of("doctor", "--data-dir", str(tmp_path / "data")) == 1
    said = capsys.readouterr().out
    assert f"ok   postgres: an outside one on {tmp_path}" in said
    assert f"ok   redis: an outside one on {tmp_path / 'none.sock'}" in said
    assert "BAD  services: " in said


def test_up_on_a_busy_port_names_it_and_starts_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert code_of("up", "--data-dir", str(tmp_path / "data"), "--chat-port", port, "--no-browser") == 1
    said = capsys.readouterr().err
    assert f"Port {port} for the chat is taken by " in said
    assert "use another port: --chat-port " in said
    assert not (tmp_path / "data" / "postgres").exists()


def test_up_on_a_nearly_full_disk_says_how_much_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=7 * 1024**2))
    assert code_of("up", "--data-dir", str(tmp_path / "data"), "--no-browser") == 1
    assert "nearly full: 7 MB are free, 500 MB are needed to start." in capsys.readouterr().err
    assert not (tmp_path / "data" / "postgres").exists()


def test_random_passwords_satisfy_the_rules_and_differ() -> None:
    passwords = {random_password() for _ in range(50)}
    assert len(passwords) == 50
    for password in passwords:
        assert len(password) == 20
        kinds = (str.isupper, str.islower, str.isdigit, lambda letter: letter in "-_.!?")
        assert all(any(kind(letter) for letter in password) for kind in kinds)
