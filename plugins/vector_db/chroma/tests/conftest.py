"""A server of Chroma, and what plugins are given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from plugins.interfaces import PluginContext
from tests.servers.chroma_server import ChromaDoor


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[PluginContext]:
    async with httpx.AsyncClient() as http:
        yield PluginContext(http=http, data_dir=tmp_path)


@pytest.fixture
async def server(chroma_address: str) -> AsyncIterator[ChromaDoor]:
    async with ChromaDoor(chroma_address).running() as door:
        yield door


@pytest.fixture
def wire(server: ChromaDoor) -> dict[str, Any]:
    """Options for the server, apart from other tests."""
    return {"url": server.address, "timeout_s": 60, "collection_prefix": f"test-{uuid4().hex[:12]}-"}
