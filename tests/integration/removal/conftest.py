"""How do tests look at what a deletion left?"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from config.loader import LoadedSettings
from services.bootstrap import Services
from tests.support.cellar import Cellar, cellar_of


@pytest.fixture
async def cellar(services: Services, loaded: LoadedSettings, redis_client: Redis) -> AsyncIterator[Cellar]:
    async with cellar_of(services, loaded, redis_client) as opened:
        yield opened
