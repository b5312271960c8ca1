"""Is a plugin that blocks the event loop found, named, and at the second time set aside?"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

import plugins
from config.models import PluginEntry
from core.types import PluginStatus
from plugins.framework.manager import PluginManager
from plugins.framework.quarantine import Quarantine
from plugins.interfaces import PluginContext
from services.operations.watchdog import EXIT_CODE, Watchdog

BLOCKED_S = 0.2
SLEEPER = """
import time
from plugins.cache.memory import MemoryCache
class Sleeper(MemoryCache):
    async def get(self, key):
        time.sleep(float(key))
"""


@pytest.fixture
def sleeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    folder = tmp_path / "more" / "sleeper"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(SLEEPER, encoding="utf-8")
    monkeypatch.setattr(plugins, "__path__", [*plugins.__path__, str(folder.parent)])
    yield "plugins.sleeper:Sleeper"
    sys.modules.pop("plugins.sleeper", None)
    vars(plugins).pop("sleeper", None)


def manager_of(tmp_path: Path, reference: str, *, alone: bool = False) -> PluginManager:
    entries = [PluginEntry(name="sleeper", plugin=reference)]
    if not alone:
        entries.append(PluginEntry(name="memory", plugin="plugins.cache.memory:MemoryCache"))
    return PluginManager({"cache": entries}, PluginContext(http=httpx.AsyncClient(), data_dir=tmp_path))


async def block(manager: PluginManager, aside: Quarantine, seconds: float) -> tuple[list[int], list[dict[str, Any]]]:
    """Exit codes asked for and lines logged while the plugin blocks the loop."""
    codes: list[int] = []
    with capture_logs() as lines:
        async with Watchdog(lambda: manager, aside, blocked_s=BLOCKED_S, leave=codes.append).watching():
            await asyncio.sleep(0)
            await manager.get("cache", "sleeper").get(str(seconds))
    return codes, [dict(line) for line in lines]


async def test_the_first_time_is_logged_with_the_stack_and_the_plugin(sleeper: str, tmp_path: Path) -> None:
    manager, aside = manager_of(tmp_path, sleeper), Quarantine(tmp_path)
    await manager.build("cache")
    codes, lines = await block(manager, aside, 3 * BLOCKED_S)
    line = next(line for line in lines if line["event"] == "event_loop_blocked")
    assert (line["plugin"], "time.sleep" in line["stack"]) == ("cache/sleeper", True)
    assert codes == []
    assert aside.excluded() == {}
    await manager.close()


async def test_the_second_time_it_is_set_aside_and_the_process_ends(sleeper: str, tmp_path: Path) -> None:
    manager, aside = manager_of(tmp_path, sleeper), Quarantine(tmp_path)
    await manager.build("cache")
    await block(manager, aside, 3 * BLOCKED_S)
    codes, _ = await block(manager, aside, 3 * BLOCKED_S)
    assert codes[0] == EXIT_CODE
    await manager.close()

    started_again = manager_of(tmp_path, sleeper)
    assert await started_again.build("cache") == ("memory",)
    state = started_again.states()[0]
    assert (state.status, "foundry plugins restore cache/sleeper" in state.reason) == (PluginStatus.BROKEN, True)
    assert aside.restore("cache/sleeper")
    assert await started_again.build("cache") == ("sleeper", "memory")
    assert not aside.restore("cache/sleeper")
    await started_again.close()


async def test_one_that_nothing_can_stand_in_for_stays_but_what_never_ends_is_ended(
    sleeper: str, tmp_path: Path
) -> None:
    manager, aside = manager_of(tmp_path, sleeper, alone=True), Quarantine(tmp_path)
    await manager.build("cache")
    await block(manager, aside, 2 * BLOCKED_S)
    codes, _ = await block(manager, aside, 8 * BLOCKED_S)
    assert (codes, aside.excluded()) == ([EXIT_CODE], {})
    await manager.close()


async def test_a_loop_that_goes_on_is_left_alone(sleeper: str, tmp_path: Path) -> None:
    manager = manager_of(tmp_path, sleeper)
    await manager.build("cache")
    codes: list[int] = []
    over = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(3 * BLOCKED_S, over.set_result, None)
    with capture_logs() as lines:
        async with Watchdog(lambda: manager, Quarantine(tmp_path), blocked_s=BLOCKED_S, leave=codes.append).watching():
            await over  # time itself is what is waited for; the loop turns meanwhile
    assert (codes, [line for line in lines if line["event"] == "event_loop_blocked"]) == ([], [])
    await manager.close()


def test_a_damaged_note_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "set-aside.json").write_text("{", encoding="utf-8")
    assert Quarantine(tmp_path).excluded() == {}
