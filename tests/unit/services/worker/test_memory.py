"""How much memory may be taken, in a container and without one?"""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from services.worker.memory import MEGABYTE, available_mb


def container(folder: Path, limit: str, current: int, inactive: int) -> Path:
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{current}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {inactive}\n")
    return folder


def test_a_container_has_what_its_limit_leaves_and_what_can_be_dropped(tmp_path: Path) -> None:
    assert available_mb(container(tmp_path, "200000000", 150_000_000, 30_000_000)) == 80


@pytest.mark.parametrize("limit", ["max", "99999999999999999", "nonsense"])
def test_without_a_smaller_limit_it_is_what_the_machine_has(tmp_path: Path, limit: str) -> None:
    machine = psutil.virtual_memory().total / MEGABYTE
    assert 0 < available_mb(container(tmp_path, limit, 1, 0)) <= machine
    assert 0 < available_mb(tmp_path / "nowhere") <= machine
