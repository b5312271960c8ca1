"""Does the step between parent and child end where it must? What it becomes is seen in test_supervisor."""

from __future__ import annotations

import os

import pytest

from services.embedded import tether

NO_SIGNAL = "0"
STAY = str(tether.KEEP)


def test_a_child_whose_parent_died_before_it_began_does_not_begin() -> None:
    assert tether.main(["999999999", NO_SIGNAL, STAY, STAY, "/bin/false"]) == 0


def test_a_command_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert tether.main([str(os.getppid()), NO_SIGNAL, STAY, STAY, "/nonexistent/program"]) == 127
    assert capsys.readouterr().err == "/nonexistent/program cannot be started: No such file or directory\n"
