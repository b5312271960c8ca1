"""Does a command stop when it is asked to, after cleaning up, however impatient the person is?"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys

import pytest

from services.commands.terminal import counted, run

SLOW_CLEANUP = (
    "import asyncio\nfrom services.commands.terminal import Interrupted, run\n"
    "async def work():\n"
    "    try:\n        print('working', flush=True)\n        await asyncio.sleep(600)\n"
    "    finally:\n        print('cleaning', flush=True)\n        await asyncio.sleep(0.5)\n"
    "        print('clean', flush=True)\n"
    "try:\n    run(work())\nexcept Interrupted:\n    print('interrupted', flush=True)\n"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_stops_and_further_ones_do_not_disturb_the_cleaning(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_CLEANUP], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        process.send_signal(number)
        assert process.stdout.readline() == "cleaning\n"
        process.send_signal(number)
        said, errors = process.communicate(timeout=20)
    assert said == "clean\ninterrupted\n"
    assert errors == "Stopping …\nAlready stopping; a moment.\n"
    assert process.returncode == 0


def test_the_result_of_the_work_is_handed_on() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 42

    assert run(work()) == 42


def test_a_cancellation_that_nobody_asked_for_is_not_taken_for_an_interruption() -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run(work())


def test_where_nobody_looks_a_count_is_told_at_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    tell = counted("Read")
    for done in range(101):
        tell(done, 100)
    assert capsys.readouterr().err.splitlines() == [f"Read: {done} of 100" for done in range(0, 101, 10)]
