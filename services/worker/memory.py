"""How much memory may still be taken here?"""

from __future__ import annotations

from pathlib import Path

import psutil

MEGABYTE = 1_000_000
CGROUP = Path("/sys/fs/cgroup")


def available_mb(cgroup: Path = CGROUP) -> float:
    """MB that can be had without swapping: of the machine, or of the container where that is less."""
    machine = psutil.virtual_memory().available
    return min(machine, _of_container(cgroup, machine)) / MEGABYTE


def _of_container(cgroup: Path, otherwise: int) -> int:
    """By the limits of cgroup v2, file pages that can be dropped at once counted as free."""
    try:
        limit = (cgroup / "memory.max").read_text(encoding="ascii").strip()
        if limit == "max":
            return otherwise
        used = int((cgroup / "memory.current").read_text(encoding="ascii"))
        lines = (cgroup / "memory.stat").read_text(encoding="ascii").splitlines()
        kept = dict(line.split() for line in lines)
        return int(limit) - used + int(kept.get("inactive_file", 0))
    except (OSError, ValueError):
        return otherwise
