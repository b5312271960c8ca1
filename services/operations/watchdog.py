"""Does a plugin block the event loop, and what then?

Nothing asynchronous can see that the loop stands still, so a thread does. It logs where the loop stands and which
plugin that is; when the same plugin does it again, or does not stop, it is set aside and the process ends, to be
started again without it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import FrameType

import structlog

from plugins.framework.manager import PluginManager
from plugins.framework.quarantine import Quarantine

log = structlog.get_logger(__name__)

BLOCKED_S = 5.0
HOPELESS = 6
"""After so many times ``BLOCKED_S`` without an end, the first offence counts like a second."""
EXIT_CODE = 70
FRAMES = 12


class Watchdog:
    """Watch over the loop it was made in.

    Args:
        manager: Gives the plugins in force.
        leave: Ends the process; the supervisor starts it again.
    """

    def __init__(
        self,
        manager: Callable[[], PluginManager],
        aside: Quarantine,
        *,
        blocked_s: float = BLOCKED_S,
        leave: Callable[[int], object] = os._exit,
    ) -> None:
        self._manager = manager
        self._aside = aside
        self._blocked_s = blocked_s
        self._leave = leave
        self._beat = time.monotonic()
        self._thread_id = threading.get_ident()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watch for the length of the block."""
        beating = asyncio.create_task(self._beats(), name="watchdog-beats")
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            beating.cancel()
            await asyncio.to_thread(self._thread.join)

    async def _beats(self) -> None:
        while True:
            self._beat = time.monotonic()
            await asyncio.sleep(self._blocked_s / 5)

    def _watch(self) -> None:
        noticed = 0.0
        while not self._ended.wait(self._blocked_s / 5):
            beat, stands = self._beat, time.monotonic() - self._beat
            if stands < self._blocked_s:
                continue
            if beat != noticed:
                noticed = beat
                self._notice(stands)
            elif stands >= HOPELESS * self._blocked_s:
                self._notice(stands)
                self._leave(EXIT_CODE)
                return

    def _notice(self, stands: float) -> None:
        frames = self._frames()
        guilty = self._manager().owner_of([frame.filename for frame in reversed(frames)])
        where = "".join(traceback.format_list(list(frames[-FRAMES:])))
        key = f"{guilty[0]}/{guilty[1]}" if guilty else ""
        log.error("event_loop_blocked", seconds=round(stands, 1), plugin=key, stack=where)
        if guilty is None:
            return
        reason = f"It blocked the whole process for more than {self._blocked_s:g} s, twice."
        if self._aside.offend(key, reason, may_exclude=self._manager().has_another(*guilty)):
            log.error("plugin_set_aside", plugin=key)
            self._leave(EXIT_CODE)

    def _frames(self) -> Sequence[traceback.FrameSummary]:
        frame: FrameType | None = sys._current_frames().get(self._thread_id)
        return traceback.extract_stack(frame) if frame is not None else ()
