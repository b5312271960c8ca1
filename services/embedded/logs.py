"""Where do the words of child processes go?"""

from __future__ import annotations

from pathlib import Path

KEPT = 5
_TAIL_BYTES = 16_384


def rotate(log_file: Path, *, kept: int = KEPT) -> None:
    """Set an old log aside: ``x.log`` becomes ``x.log.1``, that ``x.log.2`` … ; the oldest goes. Empty ones stay."""
    if not log_file.exists() or log_file.stat().st_size == 0:
        return
    numbered = [log_file.with_name(f"{log_file.name}.{number}") for number in range(1, kept + 1)]
    for older, newer in zip(reversed(numbered), [*reversed(numbered[:-1]), log_file], strict=True):
        if newer.exists():
            newer.replace(older)


def tail(log_file: Path, *, lines: int) -> str:
    """The last lines of a log; empty when there is none."""
    if not log_file.exists():
        return ""
    with log_file.open("rb") as stream:
        stream.seek(max(0, log_file.stat().st_size - _TAIL_BYTES))
        text = stream.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:])
