"""What runs inside the limited process?

Reads one JSON request a line from standard input, answers with one JSON line on the descriptor it was given. Before
the first request it gives up what a parser does not need: memory beyond its share, core dumps, the network.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib
import json
import os
import resource
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

CLONE_NEWNET = 0x40000000
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
MAX_OUTPUT_FILE = 200_000_000


def main() -> None:
    """Serve requests until standard input ends."""
    limits = json.loads(sys.argv[1])
    output = os.fdopen(int(sys.argv[2]), "w", encoding="utf-8")
    _restrict(limits)
    parsers: dict[str, Any] = {}
    for line in sys.stdin:
        output.write(json.dumps(_answer(json.loads(line), parsers, limits)) + "\n")
        output.flush()


def _restrict(limits: dict[str, int]) -> None:
    memory = limits["memory_mb"] * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_OUTPUT_FILE, MAX_OUTPUT_FILE))
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "linux":
        # A killed worker leaves no reader behind, not even one in the midst of a file.
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if libc.unshare(CLONE_NEWNET) != 0:
        libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)
    # Where the kernel gives no namespace of its own, sockets are refused here.
    socket.socket.connect = _refuse  # type: ignore[method-assign]  # on purpose
    socket.socket.connect_ex = _refuse  # type: ignore[method-assign]  # on purpose
    socket.getaddrinfo = _refuse


def _refuse(*_: object, **__: object) -> NoReturn:
    raise PermissionError("parsers have no network")


def _answer(request: dict[str, Any], parsers: dict[str, Any], limits: dict[str, int]) -> dict[str, Any]:
    from core.errors import DocumentError

    used = resource.getrusage(resource.RUSAGE_SELF)
    budget = int(used.ru_utime + used.ru_stime) + limits["cpu_s"] + 1
    resource.setrlimit(resource.RLIMIT_CPU, (budget, resource.RLIM_INFINITY))
    try:
        with tempfile.TemporaryDirectory(prefix="parse-") as folder:
            os.environ["TMPDIR"] = tempfile.tempdir = folder
            try:
                return _parsed(request, parsers, Path(folder))
            finally:
                tempfile.tempdir = None
                os.environ.pop("TMPDIR", None)
    except DocumentError as error:
        return {"failure": [error.failure_code, error.message, error.next_step]}
    except MemoryError:
        return {"failure": ["too_complex", *_TOO_COMPLEX], "exit": True}
    except Exception as error:
        return {"failure": ["parser_failed", *_FAILED], "detail": f"{type(error).__name__}: {error}"[:500]}


_TOO_COMPLEX = ("Reading the file needs more memory than is allowed.", "Split it into smaller files.")
_FAILED = (
    "The file could not be read; it may be damaged.",
    "Open it in its program, save it again, and upload that.",
)


def _parsed(request: dict[str, Any], parsers: dict[str, Any], folder: Path) -> dict[str, Any]:
    from plugins.parser import archives, transfer

    # Parsers know types by suffix; the stored file has none, and its real name is not needed.
    link = folder / f"document{request['suffix']}"
    link.symlink_to(request["path"])
    archives.check(link)
    key = json.dumps([request["reference"], request["options"]])
    if key not in parsers:
        module, name = request["reference"].split(":")
        kind = getattr(importlib.import_module(module), name)
        parsers[key] = kind(kind.Options.model_validate(request["options"]))
    return {"document": transfer.to_json(asyncio.run(parsers[key].parse(link)))}


if __name__ == "__main__":
    main()
