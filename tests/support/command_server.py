"""How do tests run `foundry` many times without waiting for its imports each time?

``python -m tests.support.command_server`` imports every command once. Each line on standard input, a JSON object with
``arguments``, ``environ``, ``out`` and ``err``, forks a process that is `foundry` from there on, in that environment,
and writes to these files; one line answers with its exit code.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PLUGINS = (
    "auth.jwt",
    "cache.memory",
    "cache.redis",
    "embedding.onnx",
    "llm.extractive",
    "parser.pdf",
    "parser.text",
    "parser.unstructured",
    "rate_limiter.redis",
    "vector_db.pgvector",
)
"""Those of the settings we ship that every command opens."""
Completed = subprocess.CompletedProcess[str]


class CommandServer:
    """The other end."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder

    def run(self, arguments: Sequence[str], environ: Mapping[str, str]) -> Completed:
        """One command, to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        out, err = self._folder / "out", self._folder / "err"
        order = {"arguments": arguments, "environ": dict(environ), "out": str(out), "err": str(err)}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        code = json.loads(self._process.stdout.readline())
        return Completed(arguments, code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))


@contextmanager
def command_server() -> Iterator[CommandServer]:
    """One for the length of the block."""
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.command_server"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as process,
    ):  # fmt: skip
        try:
            yield CommandServer(process, Path(folder))
        finally:
            assert process.stdin is not None
            process.stdin.close()


def main() -> None:
    """Fork for every order, and say how it ended."""
    from services.commands import cli

    cli.application()
    for plugin in PLUGINS:
        importlib.import_module(f"plugins.{plugin}")
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(order)
            cli.main(order["arguments"])
            sys.exit(0)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(order: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(order["environ"])
    sys.argv = ["foundry", *order["arguments"]]
    writing = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, path, flags in ((0, os.devnull, os.O_RDONLY), (1, order["out"], writing), (2, order["err"], writing)):
        os.dup2(os.open(path, flags, 0o600), number)


if __name__ == "__main__":
    main()
