"""Do wrong command lines and wrong settings end with one readable message and the right exit code?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from core.errors import ConfigurationError
from services.cli import main
from services.commands.user import random_password


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A command line configures logging for its process; here the process goes on."""
    yield
    structlog.reset_defaults()


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


def test_random_passwords_satisfy_the_rules_and_differ() -> None:
    passwords = {random_password() for _ in range(50)}
    assert len(passwords) == 50
    for password in passwords:
        assert len(password) == 20
        kinds = (str.isupper, str.islower, str.isdigit, lambda letter: letter in "-_.!?")
        assert all(any(kind(letter) for letter in password) for kind in kinds)
