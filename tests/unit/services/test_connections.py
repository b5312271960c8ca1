"""Do the settings say where PostgreSQL and Redis are, and who comes in?"""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict
from redis.asyncio import Redis, SSLConnection

from config.models import Settings
from services.connections import application_address, maintenance_address, owner_address, queue_url, redis_url

HERE = {"host": "db.here", "port": 5433, "name": "payroll", "ssl_mode": "require"}


@pytest.mark.sees(
    "database.host",
    "database.port",
    "database.name",
    "database.ssl_mode",
    "database.user",
    "database.password",
    "database.migration_user",
    "database.migration_password",
    "database.maintenance_user",
    "database.maintenance_password",
)
@pytest.mark.parametrize(
    ("role", "address"),
    [("", application_address), ("migration_", owner_address), ("maintenance_", maintenance_address)],
)
def test_each_role_connects_as_its_settings_say(role: str, address: object) -> None:
    # user, password; migration_user, migration_password; maintenance_user, maintenance_password
    values = {**HERE, f"{role}user": "somebody", f"{role}password": "p/w"}
    assert callable(address)
    found = conninfo_to_dict(address(Settings.model_validate({"database": values})).libpq())
    assert found == {
        "host": "db.here",
        "port": "5433",
        "dbname": "payroll",
        "sslmode": "require",
        "user": "somebody",
        "password": "p/w",
    }


@pytest.mark.sees("redis.host", "redis.port", "redis.db", "redis.password", "redis.tls")
@pytest.mark.parametrize("tls", [True, False])
async def test_redis_is_called_as_its_settings_say(tls: bool) -> None:
    values = {"host": "redis.here", "port": 6380, "db": 3, "password": "p/w", "tls": tls}
    client = Redis.from_url(redis_url(Settings.model_validate({"redis": values})))
    asked = client.connection_pool.connection_kwargs
    assert {key: asked[key] for key in ("host", "port", "db", "password")} == {
        key: values[key] for key in ("host", "port", "db", "password")
    }
    assert issubclass(client.connection_pool.connection_class, SSLConnection) is tls
    await client.aclose()


async def test_a_host_that_is_a_path_is_a_socket() -> None:
    client = Redis.from_url(redis_url(Settings.model_validate({"redis": {"host": "/run/redis.sock", "db": 2}})))
    assert client.connection_pool.connection_kwargs["path"] == "/run/redis.sock"
    assert client.connection_pool.connection_kwargs["db"] == 2
    await client.aclose()


@pytest.mark.sees("queue.broker_url")
@pytest.mark.parametrize(
    ("redis", "broker", "expected"),
    [
        ({"host": "r", "password": "p/w"}, "", "redis://:p%2Fw@r:6379/0"),
        # The same server under another number wants the same password.
        ({"host": "r", "password": "p/w"}, "redis://r:6379/1", "redis://:p%2Fw@r:6379/1"),
        ({"host": "127.0.0.1", "password": "pw"}, "redis://localhost/2", "redis://:pw@localhost/2"),
        ({"host": "r", "password": "pw"}, "redis://:own@r:6379/1", "redis://:own@r:6379/1"),
        # Another server never sees it.
        ({"host": "r", "password": "pw"}, "redis://q:6379/1", "redis://q:6379/1"),
        ({"host": "r", "password": "pw"}, "redis://r:7000/1", "redis://r:7000/1"),
        ({"host": "/run/r.sock", "password": "pw"}, "unix:///run/r.sock?db=1", "unix://:pw@/run/r.sock?db=1"),
        ({"host": "/run/redis.sock"}, "unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=1"),
    ],
)
def test_the_address_of_the_queue(redis: dict[str, str], broker: str, expected: str) -> None:
    settings = Settings.model_validate({"redis": redis, "queue": {"broker_url": broker}})
    assert queue_url(settings) == expected
