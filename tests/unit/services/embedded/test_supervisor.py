"""Do children stay up, stop when asked, and never outlive their parent? Seen with real little processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from core.errors import ConfigurationError
from services.embedded.logs import tail
from services.embedded.supervisor import BackOff, Child, Supervisor
from tests.support.waiting import until

QUICK = BackOff(first_s=0.05, most_s=0.2)


def child(folder: Path, script: str, name: str = "child") -> Child:
    return Child(name=name, command=(sys.executable, "-c", script), log_file=folder / "logs" / f"{name}.log")


def contains(path: Path, text: str) -> Callable[[], Awaitable[bool]]:
    async def probe() -> bool:
        return text in tail(path, lines=10)

    return probe


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_pauses_double_up_to_the_limit() -> None:
    backoff = BackOff(first_s=0.5, most_s=30)
    assert [backoff.pause_s(failures) for failures in (1, 2, 3, 4, 7, 100)] == [0.5, 1, 2, 4, 30, 30]


async def test_a_child_that_crashes_is_started_again_and_the_person_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    starts = tmp_path / "starts"
    script = f"open({str(starts)!r}, 'a').write('x'); raise SystemExit(3)"
    async with Supervisor(said.append, backoff=QUICK) as supervisor:
        await supervisor.start(child(tmp_path, script))
        await until(lambda: starts.exists() and len(starts.read_text()) >= 4)
    log_file = tmp_path / "logs" / "child.log"
    assert said[:3] == [
        f"child ended with code 3; starting it again in {pause:g} s. See {log_file}." for pause in (0.05, 0.1, 0.2)
    ]


async def test_a_killed_child_comes_back_as_another_process(tmp_path: Path) -> None:
    said: list[str] = []
    async with Supervisor(said.append, backoff=QUICK) as supervisor:
        await supervisor.start(child(tmp_path, "import time; print('up', flush=True); time.sleep(600)"))
        await supervisor.until_ready("child", contains(tmp_path / "logs" / "child.log", "up"), within_s=20)
        first = supervisor.pid("child")
        os.kill(first, signal.SIGKILL)
        await until(lambda: supervisor.pid("child") != first)
        assert supervisor.exits("child") == 1
    assert "child was ended by SIGKILL" in said[0]


async def test_stopping_lets_a_child_finish_its_work(tmp_path: Path) -> None:
    said: list[str] = []
    script = (
        "import signal, sys, time\n"
        "def finish(*_):\n    print('finished', flush=True); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, finish)\nprint('up', flush=True)\ntime.sleep(600)\n"
    )
    log_file = tmp_path / "logs" / "child.log"
    async with Supervisor(said.append, backoff=QUICK) as supervisor:
        await supervisor.start(child(tmp_path, script))
        await supervisor.until_ready("child", contains(log_file, "up"), within_s=20)
        pid = supervisor.pid("child")
    assert "finished" in log_file.read_text()
    assert gone(pid)
    assert said == []


async def test_a_child_that_will_not_stop_is_ended_by_force_with_all_it_started(tmp_path: Path) -> None:
    said: list[str] = []
    script = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(f'up {other.pid}', flush=True)\ntime.sleep(600)\n"
    )
    log_file = tmp_path / "logs" / "child.log"
    async with Supervisor(said.append, backoff=QUICK, grace_s=0.3) as supervisor:
        await supervisor.start(child(tmp_path, script))
        await supervisor.until_ready("child", contains(log_file, "up"), within_s=20)
        pid, grandchild = supervisor.pid("child"), int(log_file.read_text().split()[1])
    assert said == ["child did not stop within 0.3 s; ending it by force."]
    assert gone(pid)
    await until(lambda: gone(grandchild))


@pytest.mark.timeout(60)  # the pause would take ten minutes
async def test_stopping_during_a_pause_does_not_start_the_child_again(tmp_path: Path) -> None:
    said: list[str] = []
    starts = tmp_path / "starts"
    script = f"open({str(starts)!r}, 'a').write('x'); raise SystemExit(1)"
    async with Supervisor(said.append, backoff=BackOff(first_s=600)) as supervisor:
        await supervisor.start(child(tmp_path, script))
        await until(lambda: bool(said))
    assert starts.read_text() == "x"


async def test_a_child_that_never_gets_ready_is_reported_with_its_last_words(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    async with Supervisor(lambda _: None, backoff=QUICK) as supervisor:
        await supervisor.start(child(tmp_path, "raise SystemExit('the plate is broken')"))
        with pytest.raises(ConfigurationError, match=r"child stopped before it was ready.*\nthe plate is broken"):
            await supervisor.until_ready("child", never, within_s=30)


async def test_a_child_that_hangs_is_reported_after_the_time_it_was_given(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    async with Supervisor(lambda _: None, backoff=QUICK) as supervisor:
        await supervisor.start(child(tmp_path, "import time; time.sleep(600)"))
        with pytest.raises(ConfigurationError, match=r"child was not ready within 0.2 s"):
            await supervisor.until_ready("child", never, within_s=0.2)


async def test_a_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    missing = Child(name="ghost", command=("no-such-program",), log_file=tmp_path / "ghost.log")
    async with Supervisor(lambda _: None, backoff=QUICK) as supervisor:
        await supervisor.start(missing)
        with pytest.raises(ConfigurationError, match=r"no-such-program cannot be started: No such file"):
            await supervisor.until_ready("ghost", never, within_s=30)


async def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    async with Supervisor(lambda _: None) as supervisor:
        await supervisor.start(child(tmp_path, "import time; time.sleep(600)"))
        with pytest.raises(ConfigurationError, match="child runs already"):
            await supervisor.start(child(tmp_path, "pass"))


@pytest.mark.skipif(sys.platform != "linux", reason="only the Linux kernel tells children that their parent died")
def test_killing_the_parent_leaves_no_child(tmp_path: Path) -> None:
    parent_script = tmp_path / "parent.py"
    parent_script.write_text(
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from services.embedded.supervisor import Child, Supervisor\n"
        "STUBBORN = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)'\n"
        "async def main():\n"
        "    folder = Path(sys.argv[1])\n"
        "    async with Supervisor(print) as supervisor:\n"
        "        for name in ('one', 'two'):\n"
        "            command = (sys.executable, '-c', STUBBORN)\n"
        "            await supervisor.start(Child(name=name, command=command, log_file=folder / name))\n"
        "        print(supervisor.pid('one'), supervisor.pid('two'), flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, str(parent_script), str(tmp_path)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        children = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(children) == 2
        assert not any(gone(pid) for pid in children)
        parent.kill()
        parent.wait(timeout=10)
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in children if not gone(pid)], timeout=10)
    assert [process for process in alive if not gone(process.pid)] == []
