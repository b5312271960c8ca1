"""How does a test wait for what happens elsewhere? Never for a time, always for a condition."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")
PATIENCE_S = 120.0
"""Far more than anything here takes: a busy machine must not fail a test, a hanging one must not hold up a run."""
_LOOK_EVERY_S = 0.01


@overload
async def until(condition: Callable[[], Awaitable[T | None]], *, within_s: float = ..., every_s: float = ...) -> T: ...
@overload
async def until(condition: Callable[[], T | None], *, within_s: float = ..., every_s: float = ...) -> T: ...
async def until(
    condition: Callable[[], T | Awaitable[T | None] | None],
    *,
    within_s: float = PATIENCE_S,
    every_s: float = _LOOK_EVERY_S,
) -> T:
    """Look until the condition gives something true, and return that.

    Raises:
        AssertionError: The time is over; says what it gave last.
    """
    deadline = time.monotonic() + within_s
    while True:
        found = condition()
        value: T | None = await found if inspect.isawaitable(found) else found
        if value:
            return value
        assert time.monotonic() < deadline, f"after {within_s:g} s still {value!r}: {_words(condition)}"
        await asyncio.sleep(every_s)


def until_now(condition: Callable[[], T | None], *, within_s: float = PATIENCE_S, every_s: float = _LOOK_EVERY_S) -> T:
    """The same where no event loop runs."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"after {within_s:g} s still {value!r}: {_words(condition)}"
        time.sleep(every_s)
    return value


def _words(condition: Callable[[], object]) -> str:
    try:
        return inspect.getsource(condition).strip()
    except (OSError, TypeError):
        return repr(condition)
