"""Does work beside the main flow really end?"""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from core.background import end


async def test_a_task_that_drops_its_first_cancellation_is_ended() -> None:
    dropped = 0
    begun = asyncio.Event()

    async def stubborn() -> None:
        nonlocal dropped
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        dropped += 1
        await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await begun.wait()
    async with asyncio.timeout(5):
        await end(task, patience_s=0.01)
    assert task.cancelled()
    assert dropped == 1


async def test_what_a_task_raised_is_logged_and_does_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    async def broken() -> None:
        raise RuntimeError("out of paper")

    task = asyncio.create_task(broken())
    await asyncio.wait({task})
    await end(task)
    assert "background_task_failed" in capsys.readouterr().out


async def test_nothing_to_end_is_fine() -> None:
    async with asyncio.timeout(5):
        await end()
