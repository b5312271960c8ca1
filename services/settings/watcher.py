"""When have settings changed?

A version that was saved is announced over Redis and looked for in the database every few seconds besides: an
announcement may be lost. Files are looked at every second where ``app.hot_reload`` allows it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from config.loader import LoadedSettings, load_settings, settings_files
from core.background import end
from core.errors import KnowledgeFoundryError
from db.unit_of_work import Database
from services.settings.store import saved

log = structlog.get_logger(__name__)

CHANNEL = "foundry:settings"
LOOK_S = 1.0
POLL_S = 5.0

Stamps = tuple[tuple[Path, int, int], ...]


class Watch:
    """Watch that loads settings again when something changed, and hands them on.

    Args:
        apply: Puts settings in force; may refuse.
        refused: Is told why settings did not come in force.
        files: Whether changed files count.
        seen: Number of the version that is in force.
    """

    def __init__(
        self,
        database: Database,
        redis: Redis,
        apply: Callable[[LoadedSettings], Awaitable[None]],
        refused: Callable[[str], None],
        *,
        files: bool,
        seen: int,
    ) -> None:
        self._database = database
        self._redis = redis
        self._apply = apply
        self._refused = refused
        self._files = files
        self._seen = seen
        self._stamps = stamps() if files else ()

    async def run(self) -> None:
        """Until cancelled; whatever is away is tried again."""
        announced = asyncio.Event()
        listening = asyncio.create_task(self._listen(announced))
        try:
            waited = 0.0
            while True:
                if await _within(announced, LOOK_S) or waited >= POLL_S:
                    announced.clear()
                    waited = 0.0
                    await self._look(at_versions=True)
                else:
                    waited += LOOK_S
                    await self._look(at_versions=False)
        finally:
            await end(listening)

    async def _look(self, *, at_versions: bool) -> None:
        try:
            version = await saved(self._database) if at_versions else None
            files = await asyncio.to_thread(stamps) if self._files else self._stamps
            if (version is None or version.number == self._seen) and files == self._stamps:
                return
            version = version or await saved(self._database)
            # Remembered before it is tried: what is refused once is not tried every second.
            self._seen, self._stamps = version.number, files
            await self._apply(await asyncio.to_thread(lambda: load_settings(saved=version.content)))
        except KnowledgeFoundryError as error:
            self._refused(str(error))
        except Exception:
            log.warning("settings_not_seen", exc_info=True)

    async def _listen(self, announced: asyncio.Event) -> None:
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(CHANNEL)
                    while True:
                        if await channel.get_message(ignore_subscribe_messages=True, timeout=LOOK_S * 60):
                            announced.set()
            except (RedisError, OSError):
                await asyncio.sleep(LOOK_S)


async def announce(redis: Redis, number: int) -> None:
    """Tell all processes; those that do not hear it look for themselves."""
    try:
        await redis.publish(CHANNEL, number)
    except (RedisError, OSError):
        log.warning("settings_not_announced", number=number)


def stamps() -> Stamps:
    """Time and size of every file that settings are read from."""
    found = []
    for path in settings_files(os.environ):
        try:
            status = path.stat()
        except OSError:
            continue
        found.append((path, status.st_mtime_ns, status.st_size))
    return tuple(found)


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
