"""Are old logs set aside and the last lines found?"""

from __future__ import annotations

from pathlib import Path

from services.embedded.logs import rotate, tail


def test_each_start_sets_the_old_log_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    log_file = tmp_path / "chat.log"
    for run in range(5):
        log_file.write_text(f"run {run}")
        rotate(log_file, kept=3)
    assert not log_file.exists()
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert kept == {"chat.log.1": "run 4", "chat.log.2": "run 3", "chat.log.3": "run 2"}


def test_an_empty_or_absent_log_pushes_nothing_out(tmp_path: Path) -> None:
    log_file = tmp_path / "chat.log"
    rotate(log_file)
    log_file.touch()
    rotate(log_file)
    assert [path.name for path in tmp_path.iterdir()] == ["chat.log"]


def test_the_tail_is_the_last_lines_even_of_a_long_log(tmp_path: Path) -> None:
    log_file = tmp_path / "chat.log"
    assert tail(log_file, lines=3) == ""
    log_file.write_bytes(b"\xff\n" + b"".join(b"line %d\n" % number for number in range(10_000)))
    assert tail(log_file, lines=2) == "line 9998\nline 9999"
