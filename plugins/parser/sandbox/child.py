"""What runs inside the limited process?

Reads one JSON request a line from standard input, answers with one JSON line on the descriptor it was given. Before
the first request it gives up what a parser does not need (``plugins.parser.sandbox.confinement``).
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

from plugins.parser.sandbox.confinement import confine


def main() -> None:
    """Serve requests until standard input ends."""
    limits = json.loads(sys.argv[1])
    # Halves of characters, which UTF-8 cannot hold, become the escapes that JSON has for them.
    output = os.fdopen(int(sys.argv[2]), "w", encoding="utf-8", errors="backslashreplace")
    confine(Path(sys.argv[3]), limits["memory_mb"])
    parsers: dict[str, Any] = {}
    for line in sys.stdin:
        output.write(json.dumps(_answer(json.loads(line), parsers, limits), ensure_ascii=False) + "\n")
        output.flush()


def _answer(request: dict[str, Any], parsers: dict[str, Any], limits: dict[str, int]) -> dict[str, Any]:
    from core.errors import DocumentError

    used = resource.getrusage(resource.RUSAGE_SELF)
    budget = int(used.ru_utime + used.ru_stime) + limits["cpu_s"] + 1
    resource.setrlimit(resource.RLIMIT_CPU, (budget, resource.RLIM_INFINITY))
    if "import" in request:
        importlib.import_module(request["import"])
        return {}
    path = Path(request["path"])
    os.environ["TMPDIR"] = tempfile.tempdir = str(path.parent)
    try:
        if "draw" in request:
            return _drawn(path, request["draw"])
        return _parsed(request, path, parsers, limits["max_characters"])
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


def _drawn(path: Path, order: dict[str, Any]) -> dict[str, Any]:
    from plugins.parser.drawn import drawn

    return drawn(path, order)


def _parsed(request: dict[str, Any], path: Path, parsers: dict[str, Any], max_characters: int) -> dict[str, Any]:
    from plugins.parser import archives, parts
    from plugins.parser.sandbox import transfer

    archives.check(path)
    key = json.dumps([request["reference"], request["options"]])
    if key not in parsers:
        module, name = request["reference"].split(":")
        kind = getattr(importlib.import_module(module), name)
        parsers[key] = kind(kind.Options.model_validate(request["options"]))
    document = asyncio.run(parsers[key].parse(path))
    transfer.check_size(document, max_characters)
    limits = parts.EmbeddedFileLimits.from_json(request["parts"])
    return {"document": transfer.to_json(document), "parts": parts.write_out(document.parts, path.parent, limits)}


if __name__ == "__main__":
    main()
