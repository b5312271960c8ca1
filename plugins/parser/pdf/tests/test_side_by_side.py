"""Do several processes read a long file as one would, and end as one would?"""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

SCRIPT = """
import os, signal, sys
from plugins.parser.pdf.side_by_side import read_side_by_side

def read(numbers):
    for number in numbers:
        if number == 100 and sys.argv[1] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 100 and sys.argv[1] == "raise":
            raise ValueError("page 100")
        if number == 100 and sys.argv[1] == "memory":
            raise MemoryError
        if number == 1 and sys.argv[1] == "raise-first":
            raise ValueError("page 1")
    return [(number, os.getpid()) for number in numbers]

try:
    pages = read_side_by_side(int(sys.argv[2]), read, 3)
except (ValueError, RuntimeError, MemoryError) as error:
    print(type(error).__name__, error)
else:
    print([number for number, _ in pages] == list(range(1, int(sys.argv[2]) + 1)), len({pid for _, pid in pages}))
try:
    os.waitpid(-1, 0)
except ChildProcessError:
    print("nobody left")
print(len(os.listdir("/proc/self/fd")))
"""


def run(how: str, pages: int) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, how, str(pages)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.split("\n")[:-1]


@pytest.fixture(scope="module")
def open_files() -> str:
    """Descriptors of such a process that read nothing."""
    return run("well", 0)[1][-1]


def test_pages_come_in_order_from_several_processes_and_nothing_is_left_open(open_files: str) -> None:
    assert run("well", 121) == (0, ["True 3", "nobody left", open_files])


def test_a_short_file_is_read_by_one(open_files: str) -> None:
    assert run("well", 12) == (0, ["True 1", "nobody left", open_files])


@pytest.mark.parametrize(
    ("how", "told"),
    [("raise", "RuntimeError ValueError"), ("memory", "MemoryError "), ("raise-first", "ValueError page 1")],
)
def test_what_one_of_them_raises_is_raised_and_the_others_end(how: str, told: str, open_files: str) -> None:
    assert run(how, 121) == (0, [told, "nobody left", open_files])


def test_what_ends_one_of_them_ends_all_by_the_same_signal() -> None:
    assert run("kill", 121) == (-signal.SIGKILL, [])
