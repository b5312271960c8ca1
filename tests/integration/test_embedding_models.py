"""Do searches mean the same with any model, and are two models never mixed?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select

from core.types import VectorPayload
from db.models import Document, DocumentChunk
from plugins.embedding.onnx import OnnxEmbedding
from plugins.interfaces import PluginContext
from services.search.retriever import HybridRetriever, SearchMode
from services.search_index.indexes import Index, Indexes
from services.search_index.term_statistics import LexicalIndex
from services.worker.container import Worker
from tests.fixtures.application import Department
from tests.fixtures.embeddings import NarrowEmbedding

MANUAL = (
    b"# Safety\n\nThe relief valve of the boiler opens at 6 bar.\n\n# Vacation\n\nEverybody has 30 days off a year.\n"
)
ENGLISH = OnnxEmbedding.Options(model="all-MiniLM-L6-v2")
TEXTS = {"manual.md": MANUAL, "cars.md": b"# Cars\n\nA company car may be driven by the family.\n"}


async def retriever(department: Department, embedding: OnnxEmbedding, name: str) -> HybridRetriever:
    """Over all chunks of the organisation, embedded by this model into a collection of their own."""
    services, organization = department.services, department.principal.organization_id
    await services.vectors.create_collection(name, embedding.get_dimension())
    async with services.database.transaction(organization) as session:
        columns = (DocumentChunk.id, DocumentChunk.content, DocumentChunk.document_id, DocumentChunk.version_id)
        statement = select(*columns, Document.collection_id).join(Document, Document.id == DocumentChunk.document_id)
        rows = (await session.execute(statement)).all()
    await services.vectors.upsert(
        name,
        await embedding.embed_batch([row.content for row in rows]),
        [VectorPayload(organization, row.collection_id, row.document_id, row.version_id) for row in rows],
        [row.id for row in rows],
    )
    return HybridRetriever(
        database=services.database,
        indexes=Indexes(Index(uuid4(), "pgvector", name, embedding.model_name, services.vectors, embedding)),
        lexical=LexicalIndex(services.database),
        dense_weight=0.7,
    )


@pytest.mark.parametrize("mode", [SearchMode.DENSE, SearchMode.HYBRID])
async def test_a_model_with_a_narrow_band_of_cosines_gives_the_same_scores(
    department: Department, worker: Worker, models_dir: Path, mode: SearchMode
) -> None:
    for name, content in TEXTS.items():
        await department.read(worker, name, content)
    found = []
    async with httpx.AsyncClient() as http:
        context = PluginContext(http=http, data_dir=models_dir)
        for kind in (OnnxEmbedding, NarrowEmbedding):
            embedding = kind(ENGLISH, context)
            await embedding.start()
            search = await retriever(department, embedding, f"texts_{embedding.get_dimension()}")
            found.append(
                await search.retrieve("How many days off?", principal=department.principal, limit=10, mode=mode)
            )
    plain, narrow = (result.candidates for result in found)
    assert len(plain) == 2
    assert [item.chunk.id for item in plain] == [item.chunk.id for item in narrow]
    for one, other in zip(plain, narrow, strict=True):
        assert one.dense_score == pytest.approx(other.dense_score, abs=0.01)
        assert one.score == pytest.approx(other.score, abs=0.01)


async def test_documents_of_an_index_whose_model_is_gone_are_found_by_their_words(
    department: Department, worker: Worker, models_dir: Path
) -> None:
    await department.read(worker, "manual.md", MANUAL)
    services = department.services
    async with httpx.AsyncClient() as http:
        embedding = OnnxEmbedding(ENGLISH, PluginContext(http=http, data_dir=models_dir))
        await embedding.start()
        await services.vectors.create_collection("begun", embedding.get_dimension())
        search = HybridRetriever(
            database=services.database,
            indexes=Indexes(
                Index(uuid4(), "pgvector", "begun", embedding.model_name, services.vectors, embedding),
                former=(replace(services.indexes.primary, embedding=None),),
            ),
            lexical=LexicalIndex(services.database),
            dense_weight=0.7,
        )
        for mode, count in ((SearchMode.HYBRID, 1), (SearchMode.BM25, 1), (SearchMode.DENSE, 0)):
            found = await search.retrieve("relief valve", principal=department.principal, limit=10, mode=mode)
            assert (len(found.candidates), found.degraded) == (count, ("vector_db",)), mode


async def test_a_multilingual_model_is_trusted_with_any_language(
    department: Department, worker: Worker, models_dir: Path
) -> None:
    await department.read(worker, "pump.md", "热泵每年需要维护一次。".encode())
    weights = []
    async with httpx.AsyncClient() as http:
        for kind in (OnnxEmbedding, NarrowEmbedding):
            embedding = kind(ENGLISH, PluginContext(http=http, data_dir=models_dir))
            await embedding.start()
            search = await retriever(department, embedding, f"texts_{embedding.get_dimension()}")
            result = await search.retrieve("多久维护热泵？", principal=department.principal, limit=1)
            weights.append(result.candidates[0].score)
    english, multilingual = weights
    assert english < 0.2
    assert multilingual > 0.5
