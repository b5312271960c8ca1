"""Do all vector stores keep the contract?

Qdrant runs in its client's own engine (in memory, in a folder), over HTTP and gRPC against a local server built on that
engine, and against a real server where ``QDRANT_URL`` names one that may be written to (``QDRANT_API_KEY`` its key).
Chroma runs in its library's engine (in memory, in a folder) and as the real server its package ships. For Pinecone,
which nobody else can run, a local server speaks its protocol.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from plugins.interfaces import PluginContext, VectorDBProvider
from plugins.vector_db.chroma.options import ChromaOptions
from plugins.vector_db.chroma.provider import ChromaProvider
from plugins.vector_db.pgvector.provider import PgvectorOptions, PgvectorProvider
from plugins.vector_db.pinecone.options import PineconeOptions
from plugins.vector_db.pinecone.provider import PineconeProvider
from plugins.vector_db.qdrant.options import QdrantOptions
from plugins.vector_db.qdrant.provider import QdrantProvider
from tests.contracts.vector_db_faults import FaultContract
from tests.contracts.vector_db_suite import COLLECTION, SIZE, VectorStoreContract
from tests.fixtures.postgres import Database
from tests.servers.chroma_server import KEY as CHROMA_KEY
from tests.servers.chroma_server import ChromaDoor
from tests.servers.pinecone_server import KEY as PINECONE_KEY
from tests.servers.pinecone_server import PineconeServer
from tests.servers.qdrant_engine import KEY
from tests.servers.qdrant_server import QdrantServer

QDRANT_URL = os.environ.get("QDRANT_URL", "")


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[PluginContext]:
    async with httpx.AsyncClient() as http:
        yield PluginContext(http=http, data_dir=tmp_path)


class TestPgvector(VectorStoreContract):
    """The default settings."""

    options = PgvectorOptions()

    @pytest.fixture
    async def store(self, database: Database, tmp_path: Path) -> AsyncIterator[VectorDBProvider]:
        async with httpx.AsyncClient() as http:
            context = PluginContext(
                http=http, data_dir=tmp_path, database_url=database.app_url, migration_url=database.owner_url
            )
            provider = PgvectorProvider(self.options, context)
            await provider.start()
            await provider.create_collection(COLLECTION, SIZE)
            yield provider
            await provider.close()


class TestPgvectorThroughTheTermIndex(TestPgvector):
    """As in a large organisation: rare terms choose the rows, in single precision and small batches."""

    options = PgvectorOptions(sparse_exact_limit=0, precision="single", upsert_batch=7)


async def _started(context: PluginContext, **options: Any) -> QdrantProvider:
    provider = QdrantProvider(QdrantOptions(**options), context)
    await provider.start()
    await provider.create_collection(COLLECTION, SIZE)
    return provider


class TestQdrantInMemory(VectorStoreContract):
    """The client's engine, nothing kept."""

    path = ":memory:"

    @pytest.fixture
    async def store(self, context: PluginContext) -> AsyncIterator[VectorDBProvider]:
        provider = await _started(context, path=self.path)
        yield provider
        await provider.close()


class TestQdrantInAFolder(TestQdrantInMemory):
    """The client's engine, kept in a folder of the data folder."""

    path = "qdrant"
    # The engine commits every row by itself, some milliseconds each.
    many = 1_000


class TestQdrantOverHttp(VectorStoreContract, FaultContract):
    """A local server built on the client's engine."""

    prefer_grpc = False

    @pytest.fixture
    async def server(self) -> AsyncIterator[QdrantServer]:
        async with QdrantServer().running() as server:
            yield server

    def options(self, server: QdrantServer) -> dict[str, Any]:
        """Options for that server."""
        return {
            "url": server.address,
            "grpc_port": server.grpc_port,
            "prefer_grpc": self.prefer_grpc,
            "api_key": KEY,
            "collection_prefix": "department-",
        }

    @pytest.fixture
    async def store(self, context: PluginContext, server: QdrantServer) -> AsyncIterator[VectorDBProvider]:
        provider = await _started(context, **self.options(server))
        yield provider
        await provider.close()

    @pytest.fixture
    async def impatient(self, context: PluginContext, server: QdrantServer) -> AsyncIterator[VectorDBProvider]:
        provider = QdrantProvider(QdrantOptions(**self.options(server), timeout_s=0.2), context)
        patient = await _started(context, **self.options(server))
        await provider.start()
        await provider.create_collection(COLLECTION, SIZE)
        yield provider
        await provider.close()
        await patient.close()


class TestQdrantOverGrpc(TestQdrantOverHttp):
    """The same server by its other protocol."""

    prefer_grpc = True


@pytest.mark.skipif(not QDRANT_URL, reason="QDRANT_URL is not set: no real Qdrant was asked")
class TestQdrantServer(VectorStoreContract):
    """A real server; what the tests make there is removed."""

    prefer_grpc = False

    @pytest.fixture
    async def store(self, context: PluginContext) -> AsyncIterator[VectorDBProvider]:
        prefix = f"foundry-test-{uuid4().hex[:12]}-"
        provider = await _started(
            context,
            url=QDRANT_URL,
            api_key=os.environ.get("QDRANT_API_KEY", ""),
            prefer_grpc=self.prefer_grpc,
            collection_prefix=prefix,
            timeout_s=60,
        )
        yield provider
        await _remove(prefix)
        await provider.close()


class TestQdrantServerOverGrpc(TestQdrantServer):
    """The same by gRPC, on the usual port."""

    prefer_grpc = True


async def _started_chroma(context: PluginContext, **options: Any) -> ChromaProvider:
    provider = ChromaProvider(ChromaOptions(**options), context)
    await provider.start()
    await provider.create_collection(COLLECTION, SIZE)
    return provider


class TestChromaInMemory(VectorStoreContract):
    """The library's engine, nothing kept."""

    path = ":memory:"

    @pytest.fixture
    async def store(self, context: PluginContext) -> AsyncIterator[VectorDBProvider]:
        provider = await _started_chroma(context, persist_directory=self.path, timeout_s=60)
        yield provider
        await provider.close()


class TestChromaInAFolder(TestChromaInMemory):
    """The library's engine, kept in a folder of the data folder."""

    path = "chroma"


class TestChromaServer(VectorStoreContract, FaultContract):
    """The real server, behind a door that misbehaves when it is told to."""

    @pytest.fixture
    async def server(self, chroma_address: str) -> AsyncIterator[ChromaDoor]:
        async with ChromaDoor(chroma_address).running() as door:
            yield door

    @pytest.fixture
    def options(self, server: ChromaDoor) -> dict[str, Any]:
        """Options for that server, apart from other tests."""
        return {"url": server.address, "api_key": CHROMA_KEY, "collection_prefix": f"test-{uuid4().hex[:12]}-"}

    @pytest.fixture
    async def store(self, context: PluginContext, options: dict[str, Any]) -> AsyncIterator[VectorDBProvider]:
        provider = await _started_chroma(context, **options, timeout_s=60)
        yield provider
        await provider.close()

    @pytest.fixture
    async def impatient(self, context: PluginContext, options: dict[str, Any]) -> AsyncIterator[VectorDBProvider]:
        # Made by a patient one, because a first call to a busy server may take longer.
        await (await _started_chroma(context, **options, timeout_s=60)).close()
        provider = await _started_chroma(context, **options, timeout_s=0.2)
        yield provider
        await provider.close()


async def _started_pinecone(context: PluginContext, server: PineconeServer, **options: Any) -> PineconeProvider:
    provider = PineconeProvider(PineconeOptions(host=server.address, api_key=PINECONE_KEY, **options), context)
    await provider.start()
    await provider.create_collection(COLLECTION, SIZE)
    return provider


class TestPinecone(VectorStoreContract, FaultContract):
    """A local server of its protocol; an index that takes terms."""

    metric = "dotproduct"

    @pytest.fixture
    async def server(self) -> AsyncIterator[PineconeServer]:
        async with PineconeServer(SIZE, self.metric).running() as server:
            yield server

    @pytest.fixture
    async def store(self, context: PluginContext, server: PineconeServer) -> AsyncIterator[VectorDBProvider]:
        provider = await _started_pinecone(context, server, timeout_s=60)
        yield provider
        await provider.close()

    @pytest.fixture
    async def impatient(self, context: PluginContext, server: PineconeServer) -> AsyncIterator[VectorDBProvider]:
        await (await _started_pinecone(context, server, timeout_s=60)).close()
        provider = await _started_pinecone(context, server, timeout_s=0.2)
        yield provider
        await provider.close()


class TestPineconeByCosine(TestPinecone):
    """An index that takes no terms."""

    metric = "cosine"


async def _remove(prefix: str) -> None:
    headers = {"api-key": key} if (key := os.environ.get("QDRANT_API_KEY", "")) else {}
    async with httpx.AsyncClient(base_url=QDRANT_URL.rstrip("/") + "/", headers=headers, timeout=60) as http:
        listed = (await http.get("collections")).raise_for_status().json()["result"]["collections"]
        for collection in listed:
            if collection["name"].startswith(prefix):
                (await http.delete(f"collections/{collection['name']}")).raise_for_status()
