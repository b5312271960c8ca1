"""Do stores and connections follow the settings?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import text
from structlog.testing import capture_logs

from core.errors import ConfigurationError, DatabaseError, DocumentError, ProviderUnavailableError
from core.plugin_kinds import SETTINGS_KEYS
from services.redis_version import SAFE_SINCE, parsed
from services.worker.container import open_worker
from tests.fixtures.application import CLIENT, Department, make_department
from tests.fixtures.postgres import PostgresServer
from tests.integration.settings.conftest import Loaded, Opened

NOTE = b"The valve opens at 6 bar."


async def one_block(content: bytes) -> AsyncIterator[bytes]:
    yield content


# -- files


@pytest.mark.sees("storage.data_dir")
async def test_files_lie_in_the_data_folder(opened: Opened, tmp_path: Path, models_dir: Path) -> None:
    data_dir = tmp_path / "elsewhere"
    data_dir.mkdir()
    (data_dir / "models").symlink_to(models_dir)
    async with opened(storage__data_dir=str(data_dir)) as services:
        await (await make_department(services, "alpha")).upload("note.txt", NOTE)
    assert [path.read_bytes() for path in (data_dir / "files").rglob("*") if path.is_file()] == [NOTE]
    assert not (tmp_path / "files").exists()


@pytest.mark.sees("storage.min_free_mb")
async def test_uploads_leave_space_free(opened: Opened) -> None:
    async with opened(storage__min_free_mb="1000000000") as services:
        department = await make_department(services, "alpha")
        with pytest.raises(ProviderUnavailableError, match="almost full"):
            await department.upload("note.txt", NOTE)


@pytest.mark.sees("storage.backup_days")
async def test_a_receipt_of_a_deletion_names_the_day_when_backups_have_lost_it(opened: Opened) -> None:
    async with opened(storage__backup_days="7") as services:
        department = await make_department(services, "alpha")
        receipt = await department.upload("note.txt", NOTE)
        gone = await services.documents.delete(department.principal, receipt.document_id, client=CLIENT)
    assert gone.backups_until == (datetime.now(UTC) + timedelta(days=7)).date()


@pytest.mark.sees("ingestion.max_file_size_mb")
async def test_a_file_over_the_limit_is_refused(opened: Opened) -> None:
    async with opened(ingestion__max_file_size_mb="1") as services:
        department = await make_department(services, "alpha")
        with pytest.raises(DocumentError) as refused:
            await department.upload("long.txt", b"word " * 300_000)
    assert refused.value.failure_code == "too_large"


# -- PostgreSQL


@pytest.mark.sees("database.pool_size", "database.max_overflow")
@pytest.mark.parametrize(("pool_size", "max_overflow", "fits"), [(1, 1, False), (2, 1, True), (1, 2, True)])
async def test_so_many_connections_may_be_open(opened: Opened, pool_size: int, max_overflow: int, fits: bool) -> None:
    held = asyncio.Event()
    async with opened(database__pool_size=str(pool_size), database__max_overflow=str(max_overflow)) as services:

        async def hold() -> None:
            async with services.database.transaction(None) as session:
                await session.execute(text("SELECT 1"))
                await held.wait()

        async def third() -> None:
            async with services.database.transaction(None) as session:
                await session.execute(text("SELECT 1"))

        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(hold())
            asked = group.create_task(third())
            await asyncio.wait({asked}, timeout=None if fits else 0.5)
            assert asked.done() is fits
            held.set()


@pytest.mark.sees("database.pool_pre_ping")
@pytest.mark.parametrize("pool_pre_ping", ["true", "false"])
async def test_a_connection_that_died_in_the_pool_is_noticed_before_it_is_used(
    opened: Opened, postgres_server: PostgresServer, pool_pre_ping: str
) -> None:
    async with opened(database__pool_pre_ping=pool_pre_ping, database__pool_size="1") as services:

        async def backend() -> int:
            async with services.database.transaction(None) as session:
                return int(await session.scalar(text("SELECT pg_backend_pid()")) or 0)

        first = await backend()
        postgres_server.execute(f"SELECT pg_terminate_backend({first}, 5000)")
        if pool_pre_ping == "true":
            assert await backend() != first
        else:
            with pytest.raises(DatabaseError):
                await backend()


# -- vectors


@pytest.mark.sees("vector_db.collection")
async def test_vectors_lie_in_the_collection_that_is_named(opened: Opened) -> None:
    async with opened(vector_db__collection="papers") as services:
        assert services.indexes.primary.collection == "papers"
        async with services.database.transaction(None) as session:
            assert await session.scalar(text("SELECT count(*) FROM pg_tables WHERE tablename LIKE '%papers%'"))


@pytest.mark.sees("vector_db.vector_size")
async def test_a_size_that_is_not_the_models_stops_the_start_and_names_both(opened: Opened) -> None:
    with pytest.raises(
        ConfigurationError, match=r"vector_db.vector_size is 512, but the model \S+ makes vectors of 384"
    ):
        async with opened(vector_db__vector_size="512"):
            pass


# -- Redis


@pytest.mark.sees("redis.max_connections")
async def test_a_process_opens_so_many_connections_to_redis(opened: Opened) -> None:
    async with opened(redis__max_connections="7") as services:
        pool = services.health._redis.connection_pool
        assert pool.max_connections == 7


@pytest.mark.sees("redis.allow_old_version")
@pytest.mark.parametrize("allow_old_version", ["true", "false"])
async def test_production_refuses_an_old_redis_unless_it_is_allowed(
    opened: Opened, redis_url: str, allow_old_version: str
) -> None:
    with Redis.from_url(redis_url) as client:
        told = str(client.info("server")["redis_version"])
    if parsed(told) >= SAFE_SINCE:
        pytest.skip(f"Redis {told} is not old")
    changed = {"app__environment": "production", "redis__allow_old_version": allow_old_version}
    with capture_logs() as logs:
        if allow_old_version == "true":
            async with opened(**changed) as services:
                assert services.settings.app.environment == "production"
        else:
            with pytest.raises(ConfigurationError, match=rf"Redis is {told}; production needs 8\.2\.2") as refused:
                async with opened(**changed):
                    pass
            assert "redis.allow_old_version" in refused.value.next_step
    assert [line["event"] for line in logs].count("redis_is_old") == (allow_old_version == "true")


async def test_a_redis_that_does_not_answer_is_not_judged(opened: Opened, tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with opened(redis__host=str(tmp_path / "none.sock"), app__environment="production"):
            pass
    assert "redis_version_unknown" in {line["event"] for line in logs}


@pytest.mark.parametrize(
    ("version", "numbers"), [("8.2.2", (8, 2, 2)), ("7.4.0-v1", (7, 4, 0)), ("unstable", ()), ("", ())]
)
def test_versions_are_compared_by_their_numbers(version: str, numbers: tuple[int, ...]) -> None:
    assert parsed(version) == numbers
    assert (parsed(version) >= SAFE_SINCE) is (version == "8.2.2")


# -- the queue


@pytest.mark.sees("queue.names")
async def test_the_first_queue_is_the_one_that_work_goes_into(opened: Opened, redis_url: str) -> None:
    async with opened(queue__names='["urgent", "rest"]') as services:
        await (await make_department(services, "alpha")).upload("note.txt", NOTE)
        assert await services.queue.depth() == 1
    with Redis.from_url(redis_url) as client:
        assert client.llen("rq:queue:urgent") == 1


# -- plugins


@pytest.mark.sees(
    "plugins.llm_providers",
    "plugins.vector_db",
    "plugins.embedding_models",
    "plugins.reranker",
    "plugins.authentication",
    "plugins.rate_limiter",
    "plugins.cache",
    "plugins.notifiers",
)
@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("reranker", {"none__enabled": "false"}),
        ("rate_limiter", {"memory__enabled": "false"}),
        ("cache", {"memory__enabled": "false"}),
        (
            "notifier",
            {
                "hook__plugin": "plugins.notifier.webhook:WebhookNotifier",
                "hook__config__url": "https://h.example",
                "hook__config__secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            },
        ),
        ("llm", {"openai__enabled": "true", "openai__config__api_key": "sk-test"}),
        ("vector_db", {"other__plugin": "plugins.vector_db.pgvector:PgvectorProvider"}),
        ("embedding", {"default__plugin": "plugins.embedding.onnx:OnnxEmbedding"}),
        ("auth", {"other__plugin": "plugins.auth.jwt:JWTAuthProvider", "other__config__secret_key": "k" * 40}),
    ],
)
async def test_what_is_plugged_in_runs_and_nothing_else(opened: Opened, kind: str, changed: dict[str, str]) -> None:
    # llm_providers, embedding_models, authentication, notifiers
    given = {f"plugins__{SETTINGS_KEYS[kind]}__{key}": value for key, value in changed.items()}
    more = {"plugins__vector_databases__fallback": "other"} if kind == "vector_db" else {}
    async with opened() as before, opened(**given, **more) as after:
        assert before.plugins.names(kind) != after.plugins.names(kind)  # type: ignore[arg-type]  # one of KINDS


@pytest.mark.sees("plugins.document_parsers")
async def test_a_type_nobody_is_plugged_in_for_is_not_read(department: Department, load: Loaded) -> None:
    off = {f"plugins__document_parsers__{name}__enabled": "false" for name in ("ocr", "pdf", "unstructured", "text")}
    async with open_worker(load(**off)) as worker:
        receipt = await department.read(worker, "note.txt", NOTE)
    assert receipt.failure_code == "unsupported_type"
