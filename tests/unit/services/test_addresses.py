"""Where is the queue, when somebody says and when nobody does?"""

from __future__ import annotations

import pytest

from config.models import Settings
from services.connections import queue_url


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
