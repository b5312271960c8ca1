"""Do documents go on answering while another store, model or way of cutting is put in the place of the old?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import delete, func, select

from core.errors import AuthorizationError
from core.events import CitationEvent, NoticeEvent, TokenEvent
from core.identity import Principal, Role
from core.types import VectorFilter
from db.models import DocumentChunk, DocumentVersion, IndexedVersion, SearchIndex, Task
from services.bootstrap import Services
from services.reload import ServiceReloader, open_reloader
from services.search.retriever import SearchMode
from services.search_index.indexes import IndexRole
from services.worker import index_migration
from services.worker.container import Worker, open_worker
from tests.fixtures.application import Department, assert_bound_by_policies, make_department
from tests.servers.qdrant_server import QdrantServer
from tests.support.waiting import until

MANUALS = {
    "pumps.md": b"# Pumps\n\nThe pump P-400 needs service every 2,000 operating hours. Its filter costs 48 EUR.\n",
    "boilers.md": b"# Boilers\n\nThe relief valve of the boiler B-7 opens at 6 bar.\n\n# Flue\n\nSwept twice.\n",
    "cars.md": b"# Cars\n\nA company car may be driven by the family within the European Union.\n",
}
QUESTIONS = (
    "How often does the pump P-400 need service?",
    "At what pressure does the relief valve of the boiler B-7 open?",
    "Who may drive a company car?",
)


class Stack:
    """A gateway and a worker of one installation, and the file both read."""

    def __init__(self, live: ServiceReloader, worker: Worker, file: Path, department: Department) -> None:
        self.live, self.worker, self.file, self.department = live, worker, file, department
        self.settings: dict[str, Any] = {}

    @property
    def principal(self) -> Principal:
        return self.department.principal

    @property
    def services(self) -> Services:
        return self.live()

    async def change(self, there: Callable[[Services], bool], **sections: Any) -> None:
        """Write the file as an operator does, and wait until both processes have read it."""
        self.settings |= sections
        self.file.write_text(yaml.safe_dump(self.settings), encoding="utf-8")
        await until(lambda: there(self.live()) and self.is_same_everywhere)

    @property
    def is_same_everywhere(self) -> bool:
        migrator, rules = self.worker._migrator, self.live().settings.ingestion
        return migrator._indexes.primary.id == self.live().indexes.primary.id and (
            str(rules.chunk_size) == migrator._chunking.split("/")[0] or rules.chunk_size > 64
        )

    async def work_off(self) -> int:
        """What jobs would have the worker do; how many documents were moved."""
        moved = 0
        while True:
            await self.worker._migrator.run()
            async with self.services.database.transaction(self.principal.organization_id) as session:
                waiting = list(await session.scalars(select(Task.id).where(Task.status == "queued")))
            if not waiting:
                return moved
            for task_id in waiting:
                await self.worker.dispatcher.begin(self.principal.organization_id, task_id)
            await self.worker.dispatcher.drain()
            moved += len(waiting)

    async def answers(self) -> list[tuple[str, tuple[tuple[str, int], ...]]]:
        """(text, cited places) of every question; none may be degraded."""
        return [await self.answer(question) for question in QUESTIONS]

    async def answer(self, question: str, *, notice: str | None = None) -> tuple[str, tuple[tuple[str, int], ...]]:
        run = await self.services.answering.ask(self.principal, question)
        events = [event async for event in run.events()]
        degraded = {e.component for e in events if isinstance(e, NoticeEvent) and e.kind == "degraded"}
        assert degraded == ({notice} if notice else set())
        text = "".join(event.text for event in events if isinstance(event, TokenEvent))
        cited = tuple(
            (event.citation.filename, event.citation.page) for event in events if isinstance(event, CitationEvent)
        )
        return text, cited

    async def count(self, index: Any) -> int:
        return int(await index.vectors.count(index.collection, VectorFilter(self.principal.organization_id)))


@pytest.fixture
async def stack(tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stack]:
    file = tmp_path / "department.yaml"
    file.write_text("{}\n", encoding="utf-8")
    for key, value in {**environment, "FOUNDRY_OVERLAY": str(file), "FOUNDRY__app__hot_reload": "true"}.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr(index_migration, "SETTLED", timedelta(0))
    async with open_reloader(grace_s=0.0) as live, open_worker() as worker:
        await assert_bound_by_policies(live())
        house = await make_department(live(), "alpha")
        for name, content in MANUALS.items():
            await house.read(worker, name, content)
        yield Stack(live, worker, file, house)


def is_store(name: str) -> Callable[[Services], bool]:
    return lambda services: services.indexes.primary.store == name


async def test_another_store_gives_the_same_answers_while_documents_move_and_back_again(stack: Stack) -> None:
    before = await stack.answers()
    assert [cited for _, cited in before] == [((name, 1),) for name in MANUALS]
    async with QdrantServer().running() as server:
        host, port = server.address.removeprefix("http://").split(":")
        there = {"provider": "qdrant", "host": host, "port": int(port), "prefer_grpc": False}
        await stack.change(is_store("qdrant"), vector_db=there)
        # Nothing is in the new store yet: the old one answers.
        assert await stack.count(stack.services.indexes.primary) == 0
        assert await stack.answers() == before
        views = {view.role: view for view in await stack.services.index_progress.list(stack.principal)}
        assert (views[IndexRole.PRIMARY].documents, views[IndexRole.PRIMARY].total) == (0, 3)
        assert views[IndexRole.FORMER].documents == 3

        moving_now = asyncio.create_task(stack.work_off())
        asked = 0
        while not moving_now.done():
            assert await stack.answers() == before
            asked += 1
        assert (await moving_now, asked > 0) == (3, True)
        assert await stack.count(stack.services.indexes.primary) > 0
        assert await stack.answers() == before

        old = stack.services.indexes.former[0]
        await stack.change(is_store("pgvector"), vector_db={"provider": "pgvector"})
        assert await stack.answers() == before
        await stack.work_off()
        assert await stack.answers() == before
    assert stack.services.indexes.primary.id != old.id, "what is retired stays so"


async def test_a_move_to_another_store_needs_neither_the_files_nor_the_model(stack: Stack) -> None:
    before = await stack.answers()
    async with stack.services.database.transaction(stack.principal.organization_id) as session:
        for version in await session.scalars(select(DocumentVersion)):
            stack.services.blobs.resolve(version.file_path).unlink()
    async with QdrantServer().running() as server:
        host, port = server.address.removeprefix("http://").split(":")
        there = {"provider": "qdrant", "host": host, "port": int(port), "prefer_grpc": False}
        await stack.change(is_store("qdrant"), vector_db=there)
        assert await stack.work_off() == 3
        former, primary = stack.services.indexes.former[0], stack.services.indexes.primary
        assert await stack.count(primary) == await stack.count(former) > 0
        views = {view.role: view for view in await stack.services.index_progress.list(stack.principal)}
        assert views[IndexRole.PRIMARY].documents == 3
        assert await stack.answers() == before


async def test_a_store_that_compares_no_words_is_helped_by_postgresql(stack: Stack, chroma_address: str) -> None:
    entry = {"name": "chroma", "plugin": "plugins.vector_db.chroma:ChromaProvider",
             "config": {"url": chroma_address, "collection_prefix": "moving-"}}  # fmt: skip
    before = await stack.answers()
    await stack.change(is_store("chroma"), vector_db={"provider": "chroma"}, plugins={"vector_db": [entry]})
    assert await stack.work_off() == 3
    assert [cited for _, cited in await stack.answers()] == [cited for _, cited in before]
    found = await stack.services.search.search(stack.principal, "P-400 2,000", limit=5, mode=SearchMode.BM25)
    assert [hit.filename for hit in found] == ["pumps.md"]


async def test_what_nobody_searches_any_more_is_emptied_but_not_before_its_last_readers_are_done(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stack.change(
        lambda services: services.embedding.model_name.endswith("fp32"),
        plugins={"embedding_models": [{"name": "onnx", "plugin": "plugins.embedding.onnx:OnnxEmbedding",
                                "config": {"precision": "fp32"}}]},
    )  # fmt: skip
    indexes = stack.services.indexes
    assert {index.model for index in indexes.known} == {"multilingual-e5-small/fp32", "multilingual-e5-small/int8"}
    before = await stack.answers()
    assert [cited for _, cited in before] == [((name, 1),) for name in MANUALS]
    assert await stack.work_off() == 3
    assert await stack.answers() == before
    former = indexes.former[0]
    assert await stack.count(former) > 0
    views = await stack.services.index_progress.list(stack.principal)
    assert [(view.model, view.documents, view.seconds_left) for view in views] == [
        ("multilingual-e5-small/fp32", 3, 0.0)
    ]
    monkeypatch.setattr(index_migration, "LAST_READERS", timedelta(0))
    await stack.work_off()
    assert await stack.count(former) == 0
    assert await stack.count(indexes.primary) > 0
    assert await stack.answers() == before
    async with stack.services.database.transaction(stack.principal.organization_id) as session:
        models = set(await session.scalars(select(DocumentVersion.embedding_model)))
        members = set(await session.scalars(select(IndexedVersion.index_id)))
    assert models == {"multilingual-e5-small/fp32"}
    assert members == {indexes.primary.id}


async def test_a_process_that_starts_amid_the_move_answers_from_both(stack: Stack) -> None:
    await stack.change(
        lambda services: services.embedding.model_name.endswith("fp32"),
        plugins={"embedding_models": [{"name": "onnx", "plugin": "plugins.embedding.onnx:OnnxEmbedding",
                                "config": {"precision": "fp32"}}]},
    )  # fmt: skip
    await stack.worker._migrator.run()
    async with stack.services.database.transaction(stack.principal.organization_id) as session:
        first = await session.scalar(select(Task.id).where(Task.status == "queued").limit(1))
    assert first is not None
    await stack.worker.dispatcher.begin(stack.principal.organization_id, first)
    await stack.worker.dispatcher.drain()
    async with open_reloader() as later:
        assert {index.model for index in later().indexes.known if index.embedding} == {
            "multilingual-e5-small/fp32",
            "multilingual-e5-small/int8",
        }
        stack.live = later
        assert [cited for _, cited in await stack.answers()] == [((name, 1),) for name in MANUALS]


async def test_other_chunks_replace_the_old_and_citations_of_old_answers_still_open(stack: Stack) -> None:
    run = await stack.services.answering.ask(stack.principal, QUESTIONS[1])
    cited = next(event for event in [e async for e in run.events()] if isinstance(event, CitationEvent))
    organization = stack.principal.organization_id
    async with stack.services.database.transaction(organization) as session:
        chunks = await session.scalar(select(func.count(DocumentChunk.id)).where(~DocumentChunk.is_deleted))
    await stack.change(
        lambda services: services.settings.ingestion.chunk_size == 64,
        ingestion={"chunk_size": 64, "chunk_overlap": 0, "min_chunk_size": 1, "max_chunk_size": 100},
    )
    assert [view.documents for view in await stack.services.index_progress.list(stack.principal)] == [0]
    assert await stack.work_off() == 3
    assert [view.documents for view in await stack.services.index_progress.list(stack.principal)] == [3]
    async with stack.services.database.transaction(organization) as session:
        rules = set(await session.scalars(select(DocumentVersion.chunking)))
        now = await session.scalar(select(func.count(DocumentChunk.id)).where(~DocumentChunk.is_deleted))
    assert rules == {"64/0/1/100"}
    assert now is not None
    assert chunks is not None
    assert now > chunks
    assert await stack.count(stack.services.indexes.primary) == now
    passage = await stack.services.documents.passage(stack.principal, cited.citation.chunk_id)
    assert "6 bar" in passage.text[passage.char_start : passage.char_end]
    assert [places for _, places in await stack.answers()] == [((name, 1),) for name in MANUALS]
    assert await stack.work_off() == 0


async def test_a_second_store_answers_while_the_first_is_down_if_it_has_everything(stack: Stack) -> None:
    before = await stack.answers()
    async with QdrantServer().running() as server:
        host, port = server.address.removeprefix("http://").split(":")
        await stack.change(
            lambda services: services.indexes.fallback is not None and services.indexes.primary.store == "qdrant",
            vector_db={"provider": "qdrant", "host": host, "port": int(port), "prefer_grpc": False},
            plugins={"vector_databases": {"fallback": "pgvector"}},
        )
        fallback = stack.services.indexes.fallback
        assert fallback is not None
        assert await stack.work_off() == 3
        assert await stack.answers() == before
        server.misbehave("broken")
        for question, expected in zip(QUESTIONS, before, strict=True):
            assert await stack.answer(question, notice="primary_vector_db") == expected
        # With a document missing in the second store: words alone, over all, rather than vectors over a part.
        async with stack.services.database.transaction(stack.principal.organization_id) as session:
            member = await session.scalar(select(IndexedVersion).where(IndexedVersion.index_id == fallback.id).limit(1))
            await session.delete(member)
        assert (await stack.answer(QUESTIONS[0], notice="vector_db"))[1] == (("pumps.md", 1),)
        server.misbehave("none")
        # What the fallback lacks is brought there, but not at once after it was tried.
        async with stack.services.database.transaction(stack.principal.organization_id) as session:
            await session.execute(delete(Task).where(Task.task_type == "move"))
        assert await stack.work_off() == 1
        server.misbehave("broken")
        assert await stack.answer(QUESTIONS[0], notice="primary_vector_db") == before[0]


async def test_a_document_that_cannot_be_read_again_answers_on_and_is_not_tried_for_ever(stack: Stack) -> None:
    services, organization = stack.services, stack.principal.organization_id
    async with services.database.transaction(organization) as session:
        version = await session.scalar(select(DocumentVersion).where(DocumentVersion.filename == "pumps.md"))
    assert version is not None
    services.blobs.resolve(version.file_path).unlink()
    await stack.change(
        lambda services: services.settings.ingestion.chunk_size == 64,
        ingestion={"chunk_size": 64, "chunk_overlap": 0, "min_chunk_size": 1},
    )
    await stack.work_off()
    assert [cited for _, cited in await stack.answers()] == [((name, 1),) for name in MANUALS]
    assert await stack.work_off() == 0
    async with services.database.transaction(organization) as session:
        moves = list(
            await session.execute(select(Task.status).where(Task.version_id == version.id, Task.task_type == "move"))
        )
    assert len(moves) == 1


async def test_only_administrators_see_the_indexes_and_no_organisation_can_change_anothers(stack: Stack) -> None:
    reader = Principal(stack.principal.user_id, stack.principal.organization_id, Role.VIEWER, "reader@alpha.example")
    with pytest.raises(AuthorizationError):
        await stack.services.index_progress.list(reader)
    other = await make_department(stack.services, "beta")
    async with stack.services.database.transaction(other.principal.organization_id) as session:
        assert list(await session.scalars(select(IndexedVersion.id))) == []
        assert await session.scalar(select(func.count(SearchIndex.id))) == 1
