"""How do the tests open a store?"""

from __future__ import annotations

from typing import Any

import httpx

from plugins.interfaces import PluginContext
from plugins.vector_db.chroma.embedded import ChromaEmbedded
from plugins.vector_db.chroma.options import ChromaOptions
from plugins.vector_db.chroma.provider import ChromaProvider
from tests.contracts.vector_corpus import COLLECTION, SIZE
from tests.servers.chroma_server import ChromaDoor


async def started(context: PluginContext, **options: Any) -> ChromaProvider:
    provider = ChromaProvider(ChromaOptions(**options), context)
    await provider.start()
    return provider


async def with_collection(context: PluginContext, **options: Any) -> ChromaProvider:
    provider = await started(context, **options)
    await provider.create_collection(COLLECTION, SIZE)
    return provider


def pid_of(store: ChromaProvider) -> int:
    """Process of the engine."""
    assert isinstance(store._engine, ChromaEmbedded)
    assert store._engine._pid is not None
    return store._engine._pid


async def made_by_hand(server: ChromaDoor, name: str, body: dict[str, Any]) -> str:
    """A collection that another program made; its id."""
    address = f"{server.behind}/api/v2/tenants/default_tenant/databases/default_database/collections"
    async with httpx.AsyncClient(timeout=60) as http:
        answer = (await http.post(address, json={"name": name, **body})).raise_for_status().json()
    return f"{address}/{answer['id']}"
