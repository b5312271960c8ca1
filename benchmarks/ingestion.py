"""How many pages a second become searchable, compared with the usual pipeline on the same files?

Ours as it runs in production: handed in, queued, read by a worker process, until every receipt says ready. Theirs as
``benchmarks.usual_pipeline``. Both write to the same PostgreSQL. The files are dealt into groups. Each group is read by
theirs; what they got text from is read by ours, and by ours again, so that ours against itself shows what is noise.
Files that one side cannot read count for neither, and are named.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import func, select

from config.loader import load_settings
from core.errors import KnowledgeFoundryError
from core.identity import Principal
from core.states import TaskStatus
from db.models import Task
from services.audit import ClientInfo
from services.bootstrap import Services, open_services
from services.connections import application_address, owner_address
from services.evaluation import scratch_organization
from services.stack.opening import own_stack

SPEED_AIM = 5.0
GROUPS = 4
BLOCK = 1 << 20
CLIENT = ClientInfo(user_agent="benchmark")
READY_WITHIN_S = 180
ASK_S, LOOK_S = 0.1, 1.0
"""Between two questions whether all is ready, and between two readings of memory."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One group read by one side.

    Attributes:
        pages: Of the files that both sides read.
    """

    pages: int
    seconds: float
    unread: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """All groups together; ``itself`` are the ratios of ours to ours, which mean nothing but noise."""

    pages: int
    files: int
    pages_per_s: float
    baseline_pages_per_s: float
    ratio: float
    ratio_low: float
    ratio_high: float
    itself: tuple[float, float]
    worker_peak_mb: float
    unread: tuple[str, ...]
    baseline_unread: tuple[str, ...]


def deal(files: Sequence[Path], groups: int) -> list[list[Path]]:
    """Groups of about the same number of bytes."""
    dealt: list[list[Path]] = [[] for _ in range(min(groups, len(files)))]
    for file in sorted(files, key=lambda path: -path.stat().st_size):
        min(dealt, key=lambda group: sum(path.stat().st_size for path in group)).append(file)
    return dealt


def smallest_of_each_kind(files: Sequence[Path]) -> list[Path]:
    """What both sides read before anything is measured: each has then loaded what it needs."""
    by_size = sorted(files, key=lambda path: -path.stat().st_size)
    return list({path.suffix.lower(): path for path in by_size}.values())


# -- ours


@asynccontextmanager
async def worker(folder: Path) -> AsyncIterator[psutil.Process]:
    """A worker as production runs it."""
    with (folder / "worker.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "jobs.worker", stdout=log, stderr=log)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        await process.wait()


async def read_by_us(
    services: Services, files: Sequence[Path], memory: Memory
) -> tuple[float, dict[str, int], list[str]]:
    """(seconds, pages by file, files that failed)."""
    async with scratch_organization(services, keep=True) as principal:
        started = time.perf_counter()
        waiting, pages, unread = set(), {}, []
        for file in files:
            try:
                receipt = await services.ingestion.upload(
                    principal, filename=file.name, chunks=_blocks(file), client=CLIENT
                )
            except KnowledgeFoundryError:
                unread.append(file.name)
            else:
                waiting.add(receipt.task_id)
        while await _under_way(services, principal):
            memory.look()
            await asyncio.sleep(ASK_S)
        for task_id in waiting:
            receipt = await services.tasks.receipt(principal, task_id)
            if receipt.status is TaskStatus.COMPLETED:
                pages[receipt.filename] = receipt.pages or 1
            else:
                unread.append(receipt.filename)
        return time.perf_counter() - started, pages, unread


async def _under_way(services: Services, principal: Principal) -> int:
    """Tasks that have not ended, by one question to the database: asking for every receipt costs what is measured."""
    async with services.database.transaction(principal.organization_id) as session:
        open_tasks = select(func.count(Task.id)).where(Task.status.in_((TaskStatus.QUEUED, TaskStatus.RUNNING)))
        return await session.scalar(open_tasks) or 0


async def _blocks(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as opened:
        while block := await asyncio.to_thread(opened.read, BLOCK):
            yield block


class Memory:
    """The most that the worker and its readers held at once, in MB of memory of their own."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._looked = 0.0
        self.peak_mb = 0.0

    def look(self) -> None:
        """Take a reading, unless one was taken a moment ago: it costs the time that is measured."""
        if time.monotonic() - self._looked < LOOK_S:
            return
        self._looked, total = time.monotonic(), 0
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in (self._process, *self._process.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    total += process.memory_full_info().pss
        self.peak_mb = max(self.peak_mb, total / 1e6)


# -- theirs


@dataclass(frozen=True, slots=True)
class Usual:
    """The usual pipeline in its process."""

    process: asyncio.subprocess.Process
    answers: asyncio.StreamReader

    async def read(self, files: Sequence[Path]) -> dict[str, Any]:
        """What it says about a group."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([str(file.absolute()) for file in files]).encode() + b"\n")
        await self.process.stdin.drain()
        answer: dict[str, Any] = json.loads(await self.answers.readline())
        return answer


@asynccontextmanager
async def usual(python: str, folder: Path) -> AsyncIterator[Usual]:
    """The usual pipeline, loaded and warm; it answers on a pipe of its own, for its libraries print."""
    settings = load_settings().settings
    read, write = os.pipe()
    environment = {
        **os.environ,
        "USUAL_FOLDER": str(folder),
        "USUAL_DATABASE": application_address(settings).libpq(),
        "USUAL_MIGRATION": owner_address(settings).libpq(),
    }
    with (folder / "usual.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            python, "-m", "benchmarks.usual_pipeline", str(write),
            env=environment, stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log, pass_fds=(write,),
        )  # fmt: skip
    os.close(write)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read, "rb"))
    async with asyncio.timeout(READY_WITHIN_S):
        if not await reader.readline():
            sys.exit((folder / "usual.log").read_text(encoding="utf-8", errors="replace")[-2000:])
    try:
        yield Usual(process, reader)
    finally:
        process.terminate()
        await process.wait()


# -- measuring


async def compare(files: Sequence[Path], python: str, groups: int) -> Figures:
    """Every group by theirs, ours, ours."""
    turns: list[tuple[Turn, Turn, Turn]] = []
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="foundry-benchmark-")))
        await stack.enter_async_context(own_stack(folder / "data", say=lambda *_: None))
        services = await stack.enter_async_context(open_services(load_settings()))
        memory = Memory(await stack.enter_async_context(worker(folder)))
        theirs = await stack.enter_async_context(usual(python, folder))
        warming = smallest_of_each_kind(files)
        await theirs.read(warming)
        await read_by_us(services, warming, memory)
        for number, group in enumerate(deal(files, groups), start=1):
            answer = await theirs.read(group)
            readable = [file for file in group if str(file.absolute()) not in answer["unread"]]
            not_theirs = tuple(f"{Path(name).name}: {why}" for name, why in answer["unread"].items())
            first, pages, unread = await read_by_us(services, readable, memory)
            second, _, _ = await read_by_us(services, readable, memory)
            spent = sum(answer["seconds"][str(file.absolute())] for file in readable if file.name not in unread)
            both = sum(pages.values())
            turns.append((Turn(both, first, tuple(unread)), Turn(both, spent, not_theirs), Turn(both, second, ())))
            print(f"group {number}: {len(group)} files, {len(pages)} read by both, {both} pages: "
                  f"ours {first:.1f} s, {second:.1f} s; theirs {spent:.1f} s", flush=True)  # fmt: skip
        return _figures(turns, len(files), memory.peak_mb)


def _figures(turns: Sequence[tuple[Turn, Turn, Turn]], files: int, peak_mb: float) -> Figures:
    def pace(turn: Turn) -> float:
        return turn.pages / turn.seconds

    ratios = [statistics.mean((pace(a), pace(c))) / pace(b) for a, b, c in turns if b.pages]
    itself = [pace(a) / pace(c) for a, _, c in turns]
    ours = [turn for a, _, c in turns for turn in (a, c)]
    theirs = [b for _, b, _ in turns]
    pages_per_s = sum(t.pages for t in ours) / sum(t.seconds for t in ours)
    baseline = sum(t.pages for t in theirs) / sum(t.seconds for t in theirs)
    return Figures(
        pages=sum(a.pages for a, _, _ in turns),
        files=files,
        pages_per_s=round(pages_per_s, 2),
        baseline_pages_per_s=round(baseline, 2),
        ratio=round(pages_per_s / baseline, 2) if baseline else 0.0,
        ratio_low=round(min(ratios), 2),
        ratio_high=round(max(ratios), 2),
        itself=(round(min(itself), 2), round(max(itself), 2)),
        worker_peak_mb=round(peak_mb),
        unread=tuple(name for a, _, _ in turns for name in a.unread),
        baseline_unread=tuple(name for _, b, _ in turns for name in b.unread),
    )


def report(figures: Figures) -> Mapping[str, object]:
    """Print, and return what the JSON file holds."""
    print(
        f"{figures.files} files, {figures.pages} pages: ours {figures.pages_per_s} pages/s, "
        f"theirs {figures.baseline_pages_per_s} pages/s, ratio {figures.ratio} "
        f"({figures.ratio_low}-{figures.ratio_high}; aim {SPEED_AIM:g}); ours against itself "
        f"{figures.itself[0]}-{figures.itself[1]}; worker at most {figures.worker_peak_mb} MB"
    )
    for side, names in (("ours", figures.unread), ("theirs", figures.baseline_unread)):
        if names:
            print(f"not read by {side}: {', '.join(names)}")
    return asdict(figures)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingestion", description=__doc__)
    parser.add_argument("--files", type=Path, required=True, help="folder with documents")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--groups", type=int, default=GROUPS, help="turns that each side takes")
    parser.add_argument("--most", type=int, help="only so many of the files, every size among them")
    parser.add_argument("--baseline-python", default=sys.executable, help="interpreter that has the usual pipeline")
    chosen = parser.parse_args(arguments)
    files = sorted((path for path in chosen.files.iterdir() if path.is_file()), key=lambda path: path.stat().st_size)
    if chosen.most:
        files = files[:: -(-len(files) // chosen.most)]
    if not files:
        sys.exit(f"There are no files in {chosen.files}.")
    os.environ["FOUNDRY_IGNORE_MODEL_KEYS"] = "1"
    written = report(asyncio.run(compare(files, chosen.baseline_python, chosen.groups)))
    if chosen.json:
        chosen.json.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
