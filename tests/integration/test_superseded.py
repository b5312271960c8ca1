"""Does a search find as much among many old versions as in an index that never had any?"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import UUID

import pytest
from sqlalchemy import delete, func, select

from config.loader import load_settings
from core.types import VectorFilter
from db.engine import create_engine
from db.maintenance import MaintenanceDatabase
from db.models import Document, DocumentVersion, IndexedVersion, KeptVectors
from db.repositories.indexes import IndexRepository
from db.repositories.kept_vectors import KeptVectorsRepository
from services.bootstrap import Services, open_services
from services.connections import maintenance_address
from services.worker.container import Worker, open_worker
from services.worker.superseded import Superseded
from tests.fixtures.application import Department, make_department
from tests.servers.qdrant_server import QdrantServer
from tests.support.waiting import until

PARTS = (
    "valve",
    "pump",
    "boiler",
    "filter",
    "gauge",
    "burner",
    "compressor",
    "dryer",
    "chiller",
    "tank",
    "fan",
    "hose",
)


@dataclass(frozen=True, slots=True)
class Installation:
    """Services and a worker over one vector store."""

    services: Services
    worker: Worker
    superseded: Superseded


@pytest.fixture(params=["pgvector", "qdrant"])
async def installation(request: pytest.FixtureRequest, environment: dict[str, str]) -> AsyncIterator[Installation]:
    async with AsyncExitStack() as stack:
        chosen = dict(environment)
        if request.param == "qdrant":
            server = await stack.enter_async_context(QdrantServer().running())
            host, port = server.address.removeprefix("http://").split(":")
            chosen |= {
                "FOUNDRY__vector_db__provider": "qdrant",
                "FOUNDRY__vector_db__host": host,
                "FOUNDRY__vector_db__port": port,
                "FOUNDRY__vector_db__prefer_grpc": "false",
            }
        loaded = load_settings(environ=chosen)
        services = await stack.enter_async_context(open_services(loaded))
        assert services.indexes.primary.store == request.param
        worker = await stack.enter_async_context(open_worker(loaded))
        maintenance = MaintenanceDatabase(create_engine(maintenance_address(loaded.settings), pool_size=1))
        stack.push_async_callback(maintenance.close)
        yield Installation(services, worker, Superseded(maintenance, services.indexes))


def manual(part: str, edition: int) -> bytes:
    chance = random.Random(f"{part}{edition}")
    lines = [f"The {part} of series {n} is serviced every {chance.randint(2, 90)} days by the plant." for n in range(3)]
    return f"# {part.title()}\n\n{' '.join(lines)}\n".encode()


async def write(house: Department, worker: Worker, editions: range) -> None:
    for edition in editions:
        for part in PARTS:
            receipt = await house.read(worker, f"{part}.md", manual(part, edition))
            assert receipt.status == "completed", receipt


async def best(house: Department) -> list[tuple[str, int]]:
    """The first hit of every question, and how many there are in all."""
    found = []
    for part in PARTS:
        hits = await house.services.search.find(house.principal, f"How often is the {part} serviced?", limit=50)
        found.append((hits[0].chunk.content, len(hits)))
    return found


async def vectors_in_store(house: Department) -> int:
    primary = house.services.indexes.primary
    assert primary.vectors is not None
    return await primary.vectors.count(primary.collection, VectorFilter(house.principal.organization_id))


async def indexed(house: Department) -> set[UUID]:
    async with house.services.database.transaction(house.principal.organization_id) as session:
        return set(await session.scalars(select(IndexedVersion.version_id)))


async def answering(house: Department) -> set[UUID | None]:
    async with house.services.database.transaction(house.principal.organization_id) as session:
        return set(await session.scalars(select(Document.active_version_id)))


async def settle(installation: Installation, house: Department) -> None:
    """Until only versions that answer are indexed; the worker's own housekeeping may be at it as well."""

    async def settled() -> bool:
        await installation.superseded.run()
        return await indexed(house) == await answering(house)

    await until(settled)


async def _recall(installation: Installation, editions: int) -> None:
    services, worker = installation.services, installation.worker
    crowded, fresh = await make_department(services, "crowded"), await make_department(services, "fresh")
    await write(crowded, worker, range(editions))
    await write(fresh, worker, range(editions - 1, editions))
    await settle(installation, crowded)
    assert await vectors_in_store(crowded) == await vectors_in_store(fresh) > 0
    assert await best(crowded) == await best(fresh)


async def test_three_versions_of_every_document_hide_nothing(installation: Installation) -> None:
    await _recall(installation, 3)


@pytest.mark.slow
async def test_twenty_versions_of_every_document_hide_nothing(installation: Installation) -> None:
    await _recall(installation, 20)


async def test_vectors_of_a_version_that_answers_stay_and_those_of_all_are_kept(installation: Installation) -> None:
    house = await make_department(installation.services, "alpha")
    await write(house, installation.worker, range(2))
    await settle(installation, house)
    services = house.services
    primary = services.indexes.primary
    assert primary.vectors is not None
    async with services.database.transaction(house.principal.organization_id) as session:
        versions = list(await session.scalars(select(DocumentVersion).where(DocumentVersion.filename == "pump.md")))
        kept = await KeptVectorsRepository(session).of([v.id for v in versions], services.embedding.model_name)
        assert len(kept) == sum(version.chunk_count or 0 for version in versions)
        other = await KeptVectorsRepository(session).of([v.id for v in versions], "another model")
        assert other == {}
    (found,) = await services.search.find(house.principal, "How often is the pump of series 2 serviced?", limit=1)
    own = await services.embedding.embed_text(f"{found.chunk.context}\n{found.chunk.content}")
    assert float(kept[found.chunk.id] @ own) > 0.9
    async with services.database.transaction(house.principal.organization_id) as session:
        await session.execute(delete(DocumentVersion).where(DocumentVersion.id.in_([v.id for v in versions])))
        left = await session.scalar(
            select(func.count(KeptVectors.id)).where(KeptVectors.version_id.in_([v.id for v in versions]))
        )
    assert left == 0


async def test_a_version_that_is_being_read_again_keeps_its_vectors(installation: Installation) -> None:
    house = await make_department(installation.services, "alpha")
    first = await house.read(installation.worker, "pump.md", manual("pump", 0))
    second = await house.read(installation.worker, "pump.md", manual("pump", 1))
    await settle(installation, house)
    async with house.services.database.transaction(house.principal.organization_id) as session:
        # As it is between a switch and the next round.
        await IndexRepository(session).join(
            house.principal.organization_id, first.version_id, {house.services.indexes.primary.id}
        )
        again = await house.upload("pump.md", manual("pump", 0))
    assert again.version_id == first.version_id
    await installation.superseded.run()
    assert await indexed(house) == {first.version_id, second.version_id}
    await installation.worker.dispatcher.begin(house.principal.organization_id, again.task_id)
    await installation.worker.dispatcher.drain()
    await settle(installation, house)
    (found,) = await house.services.search.find(house.principal, "How often is the pump serviced?", limit=1)
    assert found.chunk.version_id == first.version_id
