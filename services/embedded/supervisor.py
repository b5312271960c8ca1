"""How do child processes stay up while we run, and go when we go?

A child that ends by itself is started again, after a pause that doubles. Stopping asks first (its stop signal) and
kills after a grace time. When we are killed ourselves the kernel ends the children (see ``tether``). Each child leads
its own process group, so that Ctrl-C in the terminal reaches only us and the order of stopping stays ours.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import structlog

from core.errors import ConfigurationError
from services.embedded import tether
from services.embedded.logs import rotate, tail

log = structlog.get_logger(__name__)

_TETHER = Path(tether.__file__)
_POLL_S = 0.05
Say = Callable[[str], None]
"""Where sentences for the person at the terminal go."""


@dataclass(frozen=True, slots=True)
class BackOff:
    """How long to wait before a child is started again."""

    first_s: float = 0.5
    most_s: float = 30.0
    forgotten_after_s: float = 60.0
    """A child that stayed up this long starts from ``first_s`` again."""

    def pause_s(self, failures: int) -> float:
        """Seconds before the next start, after this many failures in a row (from 1)."""
        return float(min(self.most_s, self.first_s * 2 ** min(failures - 1, 32)))


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep running.

    Attributes:
        environment: The whole environment of the child; None hands on ours.
        death_signal: What the kernel sends it when we are killed. Application processes are killed, for they must
            survive that anyhow; stores get the signal of their quick but clean shutdown.
        user: (uid, gid) to run as; only root may ask for another one.
    """

    name: str
    command: tuple[str, ...]
    log_file: Path
    environment: Mapping[str, str] | None = None
    folder: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    user: tuple[int, int] | None = None


@dataclass(slots=True)
class _Running:
    child: Child
    process: asyncio.subprocess.Process
    exits: int = 0
    watcher: asyncio.Task[None] | None = field(default=None)


class Supervisor:
    """Children kept running between ``start`` and ``stop``; an async context manager that stops them all.

    Children are started in the order given to ``start`` and stopped in the reverse order, each group at once.
    """

    def __init__(self, say: Say, *, backoff: BackOff | None = None, grace_s: float = 10.0) -> None:
        self._say = say
        self._backoff = backoff or BackOff()
        self._grace_s = grace_s
        self._stopping = asyncio.Event()
        self._running: dict[str, _Running] = {}

    async def __aenter__(self) -> Supervisor:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, child: Child) -> None:
        """Start a child and keep it running.

        Raises:
            ConfigurationError: A child of that name runs already.
        """
        if child.name in self._running:
            raise ConfigurationError(f"{child.name} runs already.")
        child.log_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        rotate(child.log_file)
        running = _Running(child, await _spawn(child))
        running.watcher = asyncio.create_task(self._watch(running), name=f"supervise {child.name}")
        self._running[child.name] = running

    def pid(self, name: str) -> int:
        """Process id of a child as it is now; it changes when the child is started again."""
        return self._running[name].process.pid

    def exits(self, name: str) -> int:
        """How often a child ended by itself."""
        return self._running[name].exits

    async def until_ready(
        self,
        name: str,
        probe: Callable[[], Awaitable[bool]],
        *,
        within_s: float,
        attempts: int = 1,
        advice: str = "",
    ) -> None:
        """Return as soon as ``probe`` says yes.

        Args:
            attempts: The child has failed for good when it ended by itself this often before it was ready.
            advice: What to do about it, for the message.

        Raises:
            ConfigurationError: It ended too often or took too long; carries the last lines of its log.
        """
        running, deadline = self._running[name], time.monotonic() + within_s
        while not await probe():
            if running.exits >= attempts:
                raise _not_ready(running.child, "stopped before it was ready", advice)
            if time.monotonic() > deadline:
                raise _not_ready(running.child, f"was not ready within {within_s:g} s", advice)
            await asyncio.sleep(_POLL_S)

    async def stop(self) -> None:
        """End all children: ask, wait for the grace time, kill. Does nothing the second time."""
        self._stopping.set()
        running = list(self._running.values())
        for one in reversed(running):
            _signal(one.process, one.child.stop_signal)
        late = await self._wait_for(running)
        for one in late:
            self._say(f"{one.child.name} did not stop within {self._grace_s:g} s; ending it by force.")
        for one in running:
            # Also what a child left behind in its group, such as the processes of a pool.
            _kill_group(one.process.pid)
        await asyncio.gather(*(one.watcher for one in running if one.watcher is not None))
        self._running.clear()

    async def _wait_for(self, running: Sequence[_Running]) -> list[_Running]:
        if not running:
            return []
        waits = {asyncio.ensure_future(one.process.wait()): one for one in running}
        _, pending = await asyncio.wait(waits, timeout=self._grace_s)
        for wait in pending:
            wait.cancel()
        return [waits[wait] for wait in pending]

    async def _watch(self, running: _Running) -> None:
        child, failures = running.child, 0
        while True:
            started = time.monotonic()
            code = await running.process.wait()
            if self._stopping.is_set():
                return
            running.exits += 1
            failures = 1 if time.monotonic() - started >= self._backoff.forgotten_after_s else failures + 1
            _kill_group(running.process.pid)
            pause_s = self._backoff.pause_s(failures)
            log.warning("child_stopped", child=child.name, code=code, failures=failures, pause_s=pause_s)
            self._say(f"{child.name} {_ending(code)}; starting it again in {pause_s:g} s. See {child.log_file}.")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)
                return
            running.process = await _spawn(child)
            if self._stopping.is_set():  # came while the child was being started: nobody else will end this one
                _kill_group(running.process.pid)


async def _spawn(child: Child) -> asyncio.subprocess.Process:
    with child.log_file.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *tethered(child.command, death_signal=child.death_signal, user=child.user),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(os.environ if child.environment is None else child.environment),
            cwd=child.folder,
            start_new_session=True,
        )


def tethered(
    command: Sequence[str],
    *,
    death_signal: signal.Signals = signal.SIGKILL,
    user: tuple[int, int] | None = None,
) -> tuple[str, ...]:
    """The command line that runs ``command`` so that it dies with this process, as ``user`` if one is given."""
    uid, gid = user or (tether.KEEP, tether.KEEP)
    numbers = (os.getpid(), death_signal.value, uid, gid)
    return (sys.executable, "-I", "-S", str(_TETHER), *(str(number) for number in numbers), *command)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    return f"was ended by {signal.Signals(-code).name}"


def _not_ready(child: Child, what: str, advice: str) -> ConfigurationError:
    lines = tail(child.log_file, lines=12)
    said = f" The last lines of its log:\n{lines}\n" if lines else " It logged nothing."
    return ConfigurationError(f"{child.name} {what}.{said}", next_step=advice or f"The whole log: {child.log_file}")
