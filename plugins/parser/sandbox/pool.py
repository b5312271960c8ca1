"""How is an untrusted file read without risk to the worker?

A few resident child processes with limits read files one after the other; starting one costs a second, so each serves
many files and is then replaced. A child that hangs, crashes or eats its memory is killed, and only its document fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from core.errors import DocumentError
from core.types import EmbeddedFile, ParsedDocument
from plugins.parser.parts import NOTHING, EmbeddedFileLimits, read_back
from plugins.parser.sandbox.folders import PoolFolder, clear, default_base, lay_out
from plugins.parser.sandbox.transfer import from_json

log = structlog.get_logger(__name__)

Take = Callable[[Sequence[EmbeddedFile]], Awaitable[None]]
"""Takes what it wants of the files inside a file that was read."""

MAX_ANSWER = 512 * 1024 * 1024
"""Bytes of an answer; the text in it is bounded by ``ParseLimits.max_characters``."""


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """What one file may cost."""

    memory_mb: int = 2048
    cpu_s: int = 120
    wall_s: int = 180
    max_characters: int = 50_000_000


class _Child:
    """One limited process and the pipe its answers come through."""

    def __init__(self, process: asyncio.subprocess.Process, answers: asyncio.StreamReader, folder: Path) -> None:
        self.process = process
        self.folder = folder
        self._answers = answers
        self.jobs = 0

    @classmethod
    async def start(cls, limits: ParseLimits, folder: Path) -> _Child:
        read, write = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "plugins.parser.sandbox.child",
                json.dumps(asdict(limits)),
                str(write),
                str(folder),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=(write,),
                start_new_session=True,
                env=_environment(),
            )
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
        reader = asyncio.StreamReader(limit=MAX_ANSWER)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read, "rb"))
        return cls(process, reader, folder)

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked; the loop may not have been told of its end yet."""
        if self.process.returncode is not None:
            return False
        try:
            stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] not in ("Z", "X")

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer, or None when the process died over it."""
        if self.process.stdin is None:
            return None
        self.jobs += 1
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            await self.process.stdin.drain()
            line = await self._answers.readline()
        except (BrokenPipeError, ConnectionResetError, ValueError):
            return None
        if not line.endswith(b"\n"):
            return None
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def kill(self) -> int:
        """End the process and everything it started, and remove its files; its return code."""
        for pid in [self.process.pid, *_of_session(self.process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        code = await self.process.wait()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)
        return code


class ParserPool:
    """Reads files in children, at most ``size`` at a time."""

    def __init__(
        self, size: int, limits: ParseLimits, *, max_jobs_per_child: int = 200, folder: Path | None = None
    ) -> None:
        """``folder`` is where the temporary files of all pools lie, each in its own."""
        self._limits = limits
        self._base = folder or default_base()
        self._folder: PoolFolder | None = None
        self._max_jobs = max_jobs_per_child
        self._free: asyncio.Queue[_Child | None] = asyncio.Queue()
        for _ in range(size):
            self._free.put_nowait(None)
        self._children: set[_Child] = set()

    async def parse(
        self,
        reference: str,
        options: Mapping[str, Any],
        file_path: Path,
        *,
        suffix: str,
        limits: EmbeddedFileLimits = NOTHING,
        take: Take | None = None,
    ) -> ParsedDocument:
        """Read a file (by its absolute path) with the parser of that reference.

        Args:
            limits: Which files inside it ``take`` is given; none of them is readable any more afterwards.

        Raises:
            DocumentError: It cannot be read, took too long, or brought the parser down.
        """
        parts: list[EmbeddedFile] = []

        async def hand_over(answer: dict[str, Any], folder: Path) -> None:
            parts.extend(read_back(answer["parts"], folder, limits))
            if take is not None:
                await take(parts)

        request = {"reference": reference, "options": dict(options), "parts": limits.to_json()}
        answer = await self.ask(request, file_path, suffix=suffix, then=hand_over)
        return replace(from_json(answer["document"]), parts=tuple(parts))

    async def ask(
        self,
        request: Mapping[str, Any],
        file_path: Path,
        *,
        suffix: str = "",
        then: Callable[[dict[str, Any], Path], Awaitable[None]] | None = None,
    ) -> dict[str, Any]:
        """What a child answers about a file, which lies alone in its folder.

        Args:
            then: Is given the answer and that folder before it is emptied.

        Raises:
            DocumentError: It cannot be done, took too long, or brought the child down.
        """
        child = await self._free.get()
        try:
            child = await self._ready(child)
            place = await asyncio.to_thread(lay_out, child.folder, file_path, f"document{suffix}")
            request = {**request, "path": str(place)}
            try:
                async with asyncio.timeout(self._limits.wall_s):
                    answer = await child.ask(request)
            except TimeoutError:
                await self._discard(child)
                child = None
                raise _too_slow(self._limits.wall_s) from None
            if answer is None:
                code = await self._discard(child)
                child = None
                raise _died(code)
            try:
                self._require_success(answer)
                if then is not None:
                    await then(answer, place.parent)
            finally:
                if answer.get("exit"):
                    await self._discard(child)
                    child = None
                else:
                    await asyncio.to_thread(clear, child.folder)
            return answer
        except (asyncio.CancelledError, OSError):
            if child is not None:
                await self._discard(child)
                child = None
            raise
        finally:
            self._free.put_nowait(child)

    async def warm(self, module: str) -> None:
        """Have a child running that has imported a module, unless all are busy: then none is cold."""
        try:
            child = self._free.get_nowait()
        except asyncio.QueueEmpty:
            return
        try:
            child = await self._ready(child)
            if not child.jobs:
                async with asyncio.timeout(self._limits.wall_s):
                    await child.ask({"import": module})
        except BaseException:
            if child is not None:
                await self._discard(child)
                child = None
            raise
        finally:
            self._free.put_nowait(child)

    async def close(self) -> None:
        """End all children."""
        for child in list(self._children):
            await self._discard(child)
        if self._folder is not None:
            await asyncio.to_thread(self._folder.remove)
            self._folder = None

    async def _ready(self, child: _Child | None) -> _Child:
        # One may have been ended while it had nothing to do, when memory was short.
        if child is not None and (child.jobs >= self._max_jobs or not child.is_alive):
            await self._discard(child)
            child = None
        if child is None:
            if self._folder is None:
                self._folder = PoolFolder(self._base)
            child = await _Child.start(self._limits, self._folder.new())
            self._children.add(child)
        return child

    async def _discard(self, child: _Child) -> int:
        self._children.discard(child)
        return await child.kill()

    def _require_success(self, answer: dict[str, Any]) -> None:
        if "failure" not in answer:
            return
        code, message, next_step = answer["failure"]
        if "detail" in answer:
            log.warning("parser_failed", detail=answer["detail"])
        raise DocumentError(message, failure_code=code, next_step=next_step)


def _of_session(leader: int) -> list[int]:
    """Processes of the session that a child leads, such as programs that a parser started."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name in brackets may hold anything; the session is the fourth field after it.
            fields = entry.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if fields[3] == str(leader):
                found.append(int(entry.parent.name))
    return found


def _environment() -> dict[str, str]:
    """What a parser needs; no key or password of ours."""
    kept = {
        key: os.environ[key] for key in ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV") if key in os.environ
    }
    return {
        **kept,
        "HOME": "/nonexistent",
        "PYTHONUTF8": "1",
        "OMP_NUM_THREADS": "1",
        "DO_NOT_TRACK": "1",
        "SCARF_NO_ANALYTICS": "1",
        "HF_HUB_OFFLINE": "1",
    }


def _too_slow(seconds: int) -> DocumentError:
    return DocumentError(
        f"Reading the file took longer than {seconds} seconds.",
        failure_code="parse_timeout",
        next_step="Split it into smaller files, or ask the operator to raise ingestion.parse_wall_s.",
    )


def _died(code: int) -> DocumentError:
    if code == -signal.SIGXCPU:
        return DocumentError(
            "Reading the file took more computing time than is allowed.",
            failure_code="too_complex",
            next_step="Split it into smaller files.",
        )
    if code == -signal.SIGABRT:
        # How libraries in C++ and Rust end when they ask for more memory than there is.
        return DocumentError(
            "Reading the file needs more memory than is allowed, or a part of it is damaged.",
            failure_code="too_complex",
            next_step="Split it into smaller files, or save it again in its program and upload that.",
        )
    return DocumentError(
        "The file brought its reader down; it is damaged or built to do so.",
        failure_code="parser_crashed",
        next_step="Open it in its program, save it again, and upload that.",
    )
