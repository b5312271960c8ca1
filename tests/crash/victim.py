"""Which process is killed or stopped amid its work? ``python -m tests.crash.victim``

Everything is imported once; each line on standard input forks a process that hands in or reads one file and dies, or
stops, at the point it is told. One JSON line answers: how it ended. Settings come from the environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

from config.loader import load_settings
from config.product import IngestionSettings
from core import crash_points
from core.identity import Principal, Role
from core.telemetry import configure_logging
from core.types import EmbeddedFile, EmbeddedFileKind, ParsedDocument, ParsedPage
from services.audit import ClientInfo
from services.bootstrap import Services, open_services
from services.indexing.pipeline import ChunkingRules, IngestionPipeline, Take
from services.tasks.leases import LeaseKeeper
from tests.fixtures.application import read_task

RULES = ChunkingRules(200, 20, 10)
ACTIONS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


PART = "note.txt"
NOTE = "The note that lay in trial {trial} is whole."


async def one_page_per_line(path: Path, mime_type: str, take: Take) -> ParsedDocument:
    """A reader that makes many chunks out of little text, and finds a note in each file that is none."""
    text = await asyncio.to_thread(path.read_text, "utf-8")
    if text.startswith("Valve "):
        note = NOTE.format(trial=text.split()[1].partition("-")[0]).encode()
        await take([EmbeddedFile(PART, EmbeddedFileKind.ATTACHED, lambda: iter((note,)))])
    return ParsedDocument(tuple(ParsedPage(number, line) for number, line in enumerate(text.splitlines(), start=1)))


def pipeline(services: Services) -> IngestionPipeline:
    """The real one, with that reader."""
    return IngestionPipeline(
        database=services.database,
        blobs=services.blobs,
        leases=LeaseKeeper(services.database, owner=f"crash-{os.getpid()}"),
        parse=one_page_per_line,
        embedding=services.embedding,
        indexes=services.indexes,
        lexical=services.lexical,
        rules=RULES,
        settings=IngestionSettings(partial_answers=True),
    )


async def upload(services: Services, principal: Principal, filename: str, content: bytes) -> UUID:
    """Hand in a file; the id of its task."""

    async def blocks() -> AsyncIterator[bytes]:
        yield content

    receipt = await services.ingestion.upload(
        principal, filename=filename, chunks=blocks(), client=ClientInfo("127.0.0.1", "crash")
    )
    return receipt.task_id


def arm(point: str, nth: int, action: str) -> None:
    """End or stop this process when it comes to a point for the nth time."""
    seen = 0

    def act(name: str) -> None:
        nonlocal seen
        seen += name == point
        if name == point and seen == nth:
            os.kill(os.getpid(), ACTIONS[action])

    crash_points.arm(act)


async def work(order: dict[str, Any]) -> None:
    """What the forked process does."""
    organization = UUID(order["organization"])
    async with open_services(load_settings()) as services:
        # From here on, so that the point is one of this file's way and not of the start.
        arm(order["point"], order["nth"], order["action"])
        if "task" in order:
            await read_task(pipeline(services), organization, UUID(order["task"]))
        else:
            principal = Principal(UUID(order["user"]), organization, Role.ADMIN, "victim@alpha.example")
            await upload(services, principal, order["filename"], order["content"].encode())


def main() -> None:
    """Fork for every order, and say how it ended."""
    configure_logging("ERROR", "json", "crash")
    for line in sys.stdin:
        order = json.loads(line)
        pid = order.get("resume") or os.fork()
        if pid == 0:
            _be(order)
        if "resume" in order:
            os.kill(pid, signal.SIGCONT)
        _, status = os.waitpid(pid, os.WUNTRACED)
        print(json.dumps({"pid": pid, "stopped": os.WIFSTOPPED(status), "code": _code(status)}), flush=True)


def _be(order: dict[str, Any]) -> None:
    code = 1
    try:
        asyncio.run(work(order))
        code = 0
    finally:
        os._exit(code)


def _code(status: int) -> int | None:
    return None if os.WIFSTOPPED(status) else os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main()
