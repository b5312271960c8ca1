"""Do all vector stores keep the contract?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from plugins.interfaces import PluginContext, VectorDBProvider
from plugins.vector_db.pgvector.provider import PgvectorOptions, PgvectorProvider
from tests.contracts.vector_db_suite import COLLECTION, SIZE, VectorStoreContract
from tests.fixtures.postgres import Database


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
