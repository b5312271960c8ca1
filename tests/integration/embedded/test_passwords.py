"""Is a server that does not know our password told from one that is not there yet?"""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConfigurationError
from core.security.secrets import write_secret_file
from services.embedded import embedded_services
from services.embedded import redis as embedded_redis
from services.embedded.redis import EmbeddedRedis


async def test_a_changed_password_file_is_named_and_not_taken_for_a_slow_start(tmp_path: Path) -> None:
    async with embedded_services(tmp_path, say=lambda _: None, with_redis=False) as endpoints:
        with pytest.raises(ValueError, match="Redis is not embedded"):
            _ = endpoints.redis_url
    write_secret_file(tmp_path / "secrets" / "postgres_superuser", "another one")
    with pytest.raises(ConfigurationError, match=r"secrets/postgres_superuser.*backup"):
        async with embedded_services(tmp_path, say=lambda _: None, with_redis=False):
            pytest.fail("it started")


async def test_another_redis_on_the_port_is_not_taken_for_ours(tmp_path: Path) -> None:
    async with embedded_services(tmp_path, say=lambda _: None, with_postgres=False) as endpoints:
        assert endpoints.redis is not None
        assert await embedded_redis._answers(endpoints.redis)
        stranger = EmbeddedRedis(endpoints.redis.port, "another password")
        with pytest.raises(ConfigurationError, match=f"Another Redis answers on port {stranger.port}"):
            await embedded_redis._answers(stranger)
