"""Do secret files stay with their owner, and secrets out of sight?"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from core.security.secrets import mask, read_or_create_secret_file, read_secret_file, write_secret_file


def test_a_mask_shows_the_end_of_long_secrets_and_nothing_of_short_ones() -> None:
    assert mask("sk-1234567890abcdef") == "••••cdef"
    assert mask("short-secret") == mask("") == "••••"


def test_what_was_written_is_read_and_only_the_owner_may(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "secret"
    write_secret_file(path, "  pass wörd\n")
    assert read_secret_file(path) == "pass wörd"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_writing_again_replaces_the_file_and_tightens_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    write_secret_file(path, "new")
    assert read_secret_file(path) == "new"
    assert [kept.name for kept in tmp_path.iterdir()] == ["secret"]


def test_a_failed_write_keeps_the_old_secret_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret"
    write_secret_file(path, "old")

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_secret_file(path, "new")
    assert read_secret_file(path) == "old"
    assert [kept.name for kept in tmp_path.iterdir()] == ["secret"]


def test_a_secret_is_made_once_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "redis"
    made = read_or_create_secret_file(path)
    assert len(made) >= 43
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_or_create_secret_file(path) == made
    assert read_or_create_secret_file(tmp_path / "secrets" / "other") != made


def test_a_secret_file_that_was_emptied_opened_or_turned_into_a_link_is_not_filled_anew(tmp_path: Path) -> None:
    path = tmp_path / "redis"
    path.touch(mode=0o600)
    with pytest.raises(ConfigurationError, match="is empty"):
        read_or_create_secret_file(path)
    path.write_text("known to everybody")
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_or_create_secret_file(path)
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_or_create_secret_file(dangling)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_open_to_others_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    write_secret_file(path, "x")
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_secret_file(path)


def test_another_users_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret"
    write_secret_file(path, "x")
    owner = path.stat().st_uid
    if owner == 0:
        os.chown(path, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(ConfigurationError, match="another user"):
        read_secret_file(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b" \n", "empty"), (b"\xff\xfe", "UTF-8"), (b"x" * (64 * 1024 + 1), "larger")],
)
def test_files_that_hold_no_secret_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match=reason):
        read_secret_file(path)


def test_absent_files_folders_and_pipes_are_refused_without_waiting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_secret_file(tmp_path / "absent")
    with pytest.raises(ConfigurationError, match="not a regular file"):
        read_secret_file(tmp_path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(ConfigurationError, match="not a regular file"):
        read_secret_file(tmp_path / "pipe")
