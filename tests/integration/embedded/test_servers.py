"""Do PostgreSQL and Redis come up from nothing, keep what they were given, and go away?"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
import redis.asyncio

from services.embedded import embedded_services

LIVE = (
    "import asyncio, sys\nfrom pathlib import Path\nfrom services.embedded import embedded_services\n"
    "async def main():\n"
    "    async with embedded_services(Path(sys.argv[1]), say=lambda _: None) as endpoints:\n"
    "        print('ready', flush=True)\n        await asyncio.sleep(600)\n"
    "asyncio.run(main())\n"
)


async def test_both_start_from_nothing_and_keep_their_data_over_a_restart(tmp_path: Path) -> None:
    async with embedded_services(tmp_path, say=lambda _: None) as endpoints:
        async with await psycopg.AsyncConnection.connect(endpoints.superuser_url, autocommit=True) as connection:
            await connection.execute("CREATE EXTENSION vector")
            await connection.execute("CREATE TABLE kept AS SELECT '[1,2]'::vector AS v")
        async with redis.asyncio.Redis.from_url(endpoints.redis_url) as client:
            await client.set("kept", "yes")
    async with embedded_services(tmp_path, say=lambda _: None) as endpoints:
        async with await psycopg.AsyncConnection.connect(endpoints.superuser_url) as connection:
            row = await (await connection.execute("SELECT v::text FROM kept")).fetchone()
            version = connection.info.server_version
        async with redis.asyncio.Redis.from_url(endpoints.redis_url) as client:
            assert await client.get("kept") == b"yes"
    assert row == ("[1,2]",)
    assert version // 10_000 == 18


async def test_nobody_comes_in_without_the_password(tmp_path: Path) -> None:
    async with embedded_services(tmp_path, say=lambda _: None) as endpoints:
        assert endpoints.postgres is not None
        assert endpoints.redis is not None
        for password in ("", "wrong"):
            with pytest.raises(psycopg.OperationalError, match="password"):
                await psycopg.AsyncConnection.connect(
                    host=str(endpoints.postgres.socket_dir), user="postgres", password=password, dbname="postgres"
                )
        async with redis.asyncio.Redis(port=endpoints.redis.port) as client:
            with pytest.raises(redis.exceptions.AuthenticationError):
                await client.ping()
        command_lines = [process.cmdline() for process in psutil.Process().children(recursive=True)]
        assert len(command_lines) > 2
        assert not [line for line in command_lines if endpoints.redis.password in " ".join(line)]
    for name in ("postgres_superuser", "redis"):
        assert stat.S_IMODE((tmp_path / "secrets" / name).stat().st_mode) == 0o600


async def test_only_what_is_asked_for_is_started(tmp_path: Path) -> None:
    async with embedded_services(tmp_path, say=lambda _: None, with_postgres=False) as endpoints:
        assert endpoints.redis_url.startswith("redis://:")
        with pytest.raises(ValueError, match="not embedded"):
            _ = endpoints.superuser_url
    assert not (tmp_path / "postgres").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only the Linux kernel tells children that their parent died")
async def test_after_kill_9_no_server_is_left_and_the_next_start_works(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIVE, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:  # noqa: ASYNC220 - this loop does nothing else
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        servers = psutil.Process(parent.pid).children()
        assert len(servers) == 2
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait(timeout=10)
    async with embedded_services(tmp_path, say=lambda _: None) as endpoints:
        async with await psycopg.AsyncConnection.connect(endpoints.superuser_url) as connection:
            assert await (await connection.execute("SELECT 1")).fetchone() == (1,)
        _, alive = psutil.wait_procs(servers, timeout=10)
        assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


async def test_a_folder_with_a_very_long_name_works(tmp_path: Path) -> None:
    deep = tmp_path / ("long-" * 20) / ("longer-" * 20)
    async with embedded_services(deep, say=lambda _: None, with_redis=False) as endpoints:
        async with await psycopg.AsyncConnection.connect(endpoints.superuser_url) as connection:
            assert await (await connection.execute("SELECT 1")).fetchone() == (1,)


async def test_a_broken_attempt_to_set_up_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "data.new").mkdir(parents=True)
    (tmp_path / "postgres" / "data.new" / "PG_VERSION").write_text("18\n")
    async with embedded_services(tmp_path, say=lambda _: None, with_redis=False) as endpoints:
        assert endpoints.superuser_url
    assert not (tmp_path / "postgres" / "data.new").exists()
