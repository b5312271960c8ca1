"""Which fixtures do the contract suites share?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from plugins.interfaces import PluginContext


@pytest.fixture
async def plugin_context(tmp_path: Path, redis_client: Redis) -> AsyncIterator[PluginContext]:
    """What plugins are given: an HTTP client, a folder, a Redis."""
    async with httpx.AsyncClient() as http:
        yield PluginContext(http=http, data_dir=tmp_path, redis=redis_client)
