"""Does this version take over the data of every release before it, whole and answering?"""

from __future__ import annotations

import json
import tarfile
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text

from config.loader import LoadedSettings, load_settings
from core.events import CitationEvent, DoneEvent, NoticeEvent, NoticeKind, Outcome
from core.identity import Principal
from core.states import TaskStatus
from db.migrations import upgrade
from db.models import Document, DocumentChunk, Task, VersionPeriod
from db.roles import OWNER_ROLE
from db.urls import DatabaseAddress
from services import setup
from services.bootstrap import Services, open_services
from services.settings.store import saved
from services.worker import index_migration
from services.worker.container import Worker, open_worker
from tests.fixtures.application import assert_bound_by_policies
from tests.fixtures.postgres import PostgresServer
from tests.releases.content import Release, counts, releases


@pytest.fixture(params=releases(), ids=lambda release: release.folder.name)
def release(request: pytest.FixtureRequest) -> Release:
    """Each one that is kept."""
    kept: Release = request.param
    return kept


@pytest.fixture
def restored(
    release: Release, migrated_template: str, postgres_server: PostgresServer, tmp_path: Path
) -> Iterator[str]:
    """A database with the release's data, not yet migrated. The template stands for a server that knows our roles."""
    name = f"release_{uuid4().hex[:12]}"
    postgres_server.execute(f"CREATE DATABASE {name} TEMPLATE template0 OWNER {OWNER_ROLE}")
    release.restore(postgres_server.url(name), tmp_path)
    yield name
    postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def services(
    restored: str, environment: dict[str, str], postgres_server: PostgresServer
) -> AsyncIterator[Services]:
    """The application of today over the data of then."""
    await upgrade(DatabaseAddress(postgres_server.socket_dir, 5432, restored, OWNER_ROLE, ssl_mode="disable"))
    loaded: LoadedSettings = load_settings(environ=environment | {"FOUNDRY__database__name": restored})
    async with open_services(loaded) as opened:
        await assert_bound_by_policies(opened)
        yield opened


DEPARTMENT = """
app: {environment: dev}
auth: {algorithm: HS384, access_token_minutes: 20}
rate_limiting: {viewer_per_hour: 11}
ingestion: {supported_types: [text/plain, text/markdown]}
plugins:
  llm: [{name: extractive, config: {max_sentences: 2}}]
  embedding: [{name: onnx, plugin: 'plugins.embedding.onnx:OnnxEmbedding', config: {threads: 1}}]
  vector_db: [{name: pgvector, plugin: 'plugins.vector_db.pgvector.provider:PgvectorProvider'}]
  auth: [{name: jwt, plugin: 'plugins.auth.jwt:JwtAuth', config: {secret_key: 'setting://auth.jwt_secret_key',
          algorithm: 'setting://auth.algorithm'}}]
"""
"""A department's file as releases 0.1 to 0.3 wanted it."""


async def test_a_department_file_and_saved_settings_of_then_hold_today(
    restored: str, environment: dict[str, str], postgres_server: PostgresServer, tmp_path: Path
) -> None:
    overlay = tmp_path / "department.yaml"
    overlay.write_text(DEPARTMENT, encoding="utf-8")
    await upgrade(DatabaseAddress(postgres_server.socket_dir, 5432, restored, OWNER_ROLE, ssl_mode="disable"))
    content = {
        "rate_limiting": {"editor_per_hour": 33},
        "plugins": {"llm": {"extractive": {"config": {"max_words": 50}}}},
    }
    postgres_server.execute(
        "INSERT INTO settings_versions (id, organization_id, user_id, content, changes, reason, is_deleted)"
        " SELECT gen_random_uuid(), organization_id, id, "
        f"'{json.dumps(content)}', '{{}}', 'as 0.3 saved it', false FROM users LIMIT 1",
        database=restored,
    )
    environ = environment | {"FOUNDRY__database__name": restored}
    async with open_services(load_settings(environ=environ)) as services:
        found = await saved(services.database)
        loaded = load_settings(environ=environ, saved=found.content)
    async with open_services(loaded) as services:
        principal = await setup.local_principal(services)
        run = await services.answering.ask(principal, "What oil carry-over is allowed for Corvane?")
        assert any(isinstance(event, CitationEvent) for event in [event async for event in run.events()])
        # Its index answers with the model it was made with, though its entry named none; the new name of the store's
        # class makes no other.
        (former,) = services.indexes.former
        assert former.embedding is not None
        assert (former.model, former.embedding.model_name) == ("all-MiniLM-L6-v2/int8", "all-MiniLM-L6-v2/int8")
        assert services.indexes.primary.model == "multilingual-e5-small/int8"
        settings = services.settings
    assert (settings.auth.jwt_algorithm, settings.auth.access_token_expire_minutes) == ("HS384", 20)
    assert (settings.rate_limiting.role_limits.viewer, settings.rate_limiting.role_limits.editor) == (
        "11/hour",
        "33/hour",
    )
    extractive = next(entry for entry in settings.plugins.llm_providers if entry.name == "extractive")
    assert extractive.config == {"max_sentences": 2, "max_words": 50}
    said = [str(notice) for notice in loaded.notices]
    assert f"{overlay}: auth.algorithm: is called auth.jwt_algorithm now." in said
    assert "saved settings: rate_limiting.editor_per_hour: is called rate_limiting.role_limits.editor now." in said


async def test_no_row_of_a_release_is_lost(
    release: Release, services: Services, restored: str, postgres_server: PostgresServer
) -> None:
    before = json.loads(release.rows.read_text(encoding="utf-8"))
    after = counts(postgres_server.url(restored))
    lost = {table: (rows, after.get(table, 0)) for table, rows in before.items() if after.get(table, 0) < rows}
    assert before["public.documents"]
    assert before["public.document_chunks"]
    assert not lost


async def test_its_documents_still_answer_and_open(services: Services) -> None:
    principal = await setup.local_principal(services)
    run = await services.answering.ask(principal, "What oil carry-over is allowed for Corvane?")
    citations = [event.citation async for event in run.events() if isinstance(event, CitationEvent)]
    assert any("25 ppm" in citation.quote for citation in citations)
    opened = await services.documents.passage(
        principal, citations[0].chunk_id, char_start=citations[0].char_start, char_end=citations[0].char_end
    )
    assert opened.text[opened.char_start : opened.char_end] == citations[0].quote


@pytest.mark.parametrize(
    "release",
    [one for one in releases() if one.folder.name in ("0.1.0", "0.3.0")],
    ids=["0.1.0", "0.3.0"],
    indirect=True,
)
async def test_its_documents_move_to_the_model_of_today_one_by_one_and_answer_all_the_while(
    services: Services, restored: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_migration, "SETTLED", timedelta(0))
    principal = await setup.local_principal(services)

    async def answer() -> tuple[Outcome, set[str]]:
        run = await services.answering.ask(principal, "What oil carry-over is allowed for Corvane?")
        events = [event async for event in run.events()]
        assert not [event for event in events if isinstance(event, NoticeEvent) and event.kind == NoticeKind.DEGRADED]
        done = next(event for event in events if isinstance(event, DoneEvent))
        return done.outcome, {event.citation.filename for event in events if isinstance(event, CitationEvent)}

    before = await answer()
    assert before[0] is Outcome.ANSWERED
    async with open_worker(load_settings(environ=environment | {"FOUNDRY__database__name": restored})) as worker:
        while waiting := await _queued(worker, services, principal):
            for task_id in waiting:
                await worker.dispatcher.begin(principal.organization_id, task_id)
                await worker.dispatcher.drain()
                assert await answer() == before
    (primary,) = await services.index_progress.list(principal)
    assert primary.model == "multilingual-e5-small/int8"
    assert primary.documents == primary.total > 0


async def _queued(worker: Worker, services: Services, principal: Principal) -> list[UUID]:
    """The next moves, as a job of the worker orders them."""
    await worker._migrator.run()
    async with services.database.transaction(principal.organization_id) as session:
        return list(await session.scalars(select(Task.id).where(Task.status == TaskStatus.QUEUED.value)))


async def test_its_documents_answered_since_they_were_read(services: Services) -> None:
    principal = await setup.local_principal(services)
    async with services.database.transaction(principal.organization_id) as session:
        documents = set(await session.execute(select(Document.active_version_id, Document.id)))
        open_ = select(VersionPeriod.version_id, VersionPeriod.document_id).where(VersionPeriod.valid_to.is_(None))
        assert set(await session.execute(open_)) == documents
        since = await session.scalar(select(func.max(VersionPeriod.valid_from)))
    hits = await services.search.search(principal, "What oil carry-over is allowed for Corvane?", as_of=since)
    assert any("25 ppm" in hit.text for hit in hits)


async def test_its_conversations_are_there(services: Services) -> None:
    principal = await setup.local_principal(services)
    async with services.database.transaction(principal.organization_id) as session:
        messages = await session.scalar(text("SELECT count(*) FROM messages"))
        ratings = await session.scalar(text("SELECT count(*) FROM feedback WHERE value = 1"))
    assert (messages, ratings) == (4, 1)


async def test_its_files_lie_where_its_documents_say(release: Release, services: Services, tmp_path: Path) -> None:
    principal = await setup.local_principal(services)
    async with services.database.transaction(principal.organization_id) as session:
        paths = (await session.scalars(select(Document.file_path))).all()
        chunks = await session.scalar(select(func.count()).select_from(DocumentChunk))
    with tarfile.open(release.files) as archive:
        kept = sum(member.isfile() for member in archive)
    assert len(paths) == kept
    assert all((tmp_path / "files" / path).is_file() for path in paths)
    assert chunks


async def test_another_organisation_sees_nothing_of_it(services: Services) -> None:
    async with services.database.transaction(uuid4()) as session:
        assert await session.scalar(select(func.count()).select_from(Document)) == 0
        assert await session.scalar(select(func.count()).select_from(DocumentChunk)) == 0
