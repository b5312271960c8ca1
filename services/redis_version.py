"""Is the Redis that was found new enough for this environment?"""

from __future__ import annotations

import re

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from config.models import Settings
from core.errors import ConfigurationError

log = structlog.get_logger(__name__)

SAFE_SINCE = (8, 2, 2)
"""Older ones have known holes that somebody with the password could use."""


async def require_version(redis: Redis, settings: Settings) -> None:
    """Look at the version of the server, in production as a condition.

    A server that does not answer is not judged: it may come up later, and health says that it is away.

    Raises:
        ConfigurationError: In production it is too old or does not say how old it is, and ``redis.allow_old_version``
            is off.
    """
    try:
        told = str((await redis.info("server")).get("redis_version", ""))
    except ResponseError:
        told = ""
    except (RedisError, OSError) as error:
        log.warning("redis_version_unknown", reason=type(error).__name__)
        return
    if parsed(told) >= SAFE_SINCE:
        return
    wanted = ".".join(map(str, SAFE_SINCE))
    if settings.app.in_production and not settings.redis.allow_old_version:
        raise ConfigurationError(
            f"Redis is {told or 'of a version it does not tell'}; production needs {wanted}, which closes known holes.",
            next_step=f"Run Redis {wanted} or newer, or accept this one with redis.allow_old_version: true.",
        )
    log.warning("redis_is_old", version=told, safe_since=wanted)


def parsed(version: str) -> tuple[int, ...]:
    """The numbers of a version, such as 8.2.2; none for what is no version."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()
