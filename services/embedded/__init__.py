"""How everything runs on a machine that has nothing: PostgreSQL and Redis as our own child processes.

They are started, watched and tethered here, and know nothing of what they are for. Others call ``embedded_services``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from services.embedded import postgres, redis
from services.embedded.postgres import EmbeddedPostgres
from services.embedded.preflight import prepare_folder, require_space
from services.embedded.redis import EmbeddedRedis
from services.embedded.supervisor import Say, Supervisor

__all__ = ["EmbeddedEndpoints", "EmbeddedPostgres", "EmbeddedRedis", "embedded_services"]


@dataclass(frozen=True, slots=True)
class EmbeddedEndpoints:
    """Where the embedded services are; None for one that was not asked for."""

    postgres: EmbeddedPostgres | None
    redis: EmbeddedRedis | None

    @property
    def superuser_url(self) -> str:
        """libpq URL of the database ``postgres`` as the superuser.

        Raises:
            ValueError: PostgreSQL was not asked for.
        """
        if self.postgres is None:
            raise ValueError("PostgreSQL is not embedded here")
        return self.postgres.superuser_url

    @property
    def redis_url(self) -> str:
        """URL of Redis, with its password.

        Raises:
            ValueError: Redis was not asked for.
        """
        if self.redis is None:
            raise ValueError("Redis is not embedded here")
        return self.redis.url


@asynccontextmanager
async def embedded_services(
    data_dir: Path, *, say: Say, with_postgres: bool = True, with_redis: bool = True
) -> AsyncIterator[EmbeddedEndpoints]:
    """Run the stores a machine lacks, under ``data_dir``, until the block ends.

    One process at a time may do this for a data folder: hold ``lock.only_instance`` around it.

    Raises:
        ConfigurationError: Disk nearly full, no binary, or a server that does not start; says what to do.
    """
    folder = prepare_folder(data_dir)
    require_space(folder)
    # Redis first: without a redis-server nothing has to be set up in vain.
    async with Supervisor(say, grace_s=30) as supervisor:
        queue = await redis.start_redis(supervisor, folder, say) if with_redis else None
        database = await postgres.start_postgres(supervisor, folder) if with_postgres else None
        yield EmbeddedEndpoints(database, queue)
