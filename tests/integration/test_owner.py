"""Does the main job run on the file that the owner wrote: hand in, index, ask, and be told by mail?

Against local servers that speak the protocols of OpenAI, Qdrant and SMTP; and bare, where one page says what is
missing.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import trustme
from redis import Redis
from sqlalchemy import text
from structlog.testing import capture_logs

from chat_app.asgi import create_app
from config.loader import LoadedSettings, load_settings
from core.errors import ConfigurationError, DocumentError
from core.events import CitationEvent, DoneEvent, Outcome
from plugins.rate_limiter.memory import MemoryRateLimiter
from services.bootstrap import Services, open_services
from services.commands.gateway import Gateway
from services.reload import open_reloader
from services.stack.opening import own_stack
from services.worker.container import open_worker
from tests.fixtures.application import Department, assert_bound_by_policies, make_department
from tests.fixtures.owner import OWNERS_FILE, SECRETS, variables_without_default
from tests.fixtures.postgres import PostgresServer
from tests.integration.test_gateway import settings_of_tests, sign_in
from tests.servers.openai_server import OpenAIServer
from tests.servers.qdrant_server import QdrantServer
from tests.servers.smtp_server import LOGIN, PASSWORD, SmtpServer

HANDBOOK = b"# Refunds\n\nRefunds take 14 days. They are paid by bank transfer.\n"
QUESTION = "How many days do refunds take?"


@dataclass(frozen=True, slots=True)
class House:
    """The servers that the owner's file names, and the settings it becomes with every variable set."""

    model: OpenAIServer
    vectors: QdrantServer
    mail: SmtpServer
    loaded: LoadedSettings
    redis_socket: Path


@pytest.fixture
async def house(
    postgres_server: PostgresServer, migrated_database: str, redis_url: str, tmp_path: Path, models_dir: Path
) -> AsyncIterator[House]:
    (tmp_path / "models").symlink_to(models_dir)
    redis_socket = redis_url.removeprefix("unix://").split("?")[0]
    authority, ca_file = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    async with _servers(authority) as (model, vectors, mail):
        environ = {
            **SECRETS,
            "DB_HOST": postgres_server.socket_dir,
            "DB_NAME": migrated_database,
            "DB_USER": "foundry_app",
            "DB_SSL_MODE": "disable",
            "REDIS_HOST": redis_socket,
            "CELERY_BROKER_URL": f"unix://{redis_socket}?db=1",
            "QDRANT_HOST": "127.0.0.1",
            "QDRANT_PORT": vectors.address.rpartition(":")[2],
            "OPENAI_BASE_URL": model.base_url,
            "SMTP_HOST": "localhost",
            "SMTP_PORT": str(mail.port),
            "SMTP_USER": LOGIN,
            "SMTP_PASSWORD": PASSWORD,
            # What a stand-in on a port of its own needs beyond the file.
            "FOUNDRY__storage__data_dir": str(tmp_path),
            "FOUNDRY__plugins__vector_db__qdrant__config__grpc_port": str(vectors.grpc_port),
            "FOUNDRY__plugins__notifiers__email__config__ca_file": str(ca_file),
            "FOUNDRY__notifications__collect_s": "0",
        }
        yield House(model, vectors, mail, load_settings(overlay=OWNERS_FILE, environ=environ), Path(redis_socket))


@asynccontextmanager
async def _servers(authority: trustme.CA) -> AsyncIterator[tuple[OpenAIServer, QdrantServer, SmtpServer]]:
    async with (
        OpenAIServer().running() as model,
        QdrantServer().running() as vectors,
        SmtpServer("starttls", authority=authority, sign_in=True).running() as mail,
    ):
        yield model, vectors, mail


async def _asked(department: Department) -> tuple[list[CitationEvent], DoneEvent]:
    run = await department.services.answering.ask(department.principal, QUESTION)
    events = [event async for event in run.events()]
    last = events[-1]
    assert isinstance(last, DoneEvent)
    return [event for event in events if isinstance(event, CitationEvent)], last


async def test_the_main_job_runs_on_the_owners_file(house: House) -> None:
    async with open_worker(house.loaded) as worker, open_services(house.loaded) as services:
        await assert_bound_by_policies(services)
        department = await make_department(services, "alpha")
        with Redis(unix_socket_path=str(house.redis_socket), db=1) as queue:
            receipt = await department.upload("refunds.md", HANDBOOK)
            # The queue lies where Celery's broker was said to be.
            assert any(b"rq:" in key for key in queue.scan_iter())
        await worker.dispatcher.begin(department.principal.organization_id, receipt.task_id)
        await worker.dispatcher.drain()
        citations, last = await _asked(department)
        await house.mail.until_posted(1)
        async with services.database.transaction(None) as session:
            places = set((await session.execute(text("SELECT store, collection, model FROM search_indexes"))).all())

    assert last.outcome is Outcome.ANSWERED
    assert "14 days" in citations[0].citation.quote
    assert house.model.bodies[-1]["model"] == "gpt-4-turbo"
    assert house.model.headers["openai-organization"] == "org-department"
    assert any("Points/" in call for call in house.vectors.calls), "prefer_grpc: true"
    # Chroma in a folder is for one process; PostgreSQL stands in, and so does ONNX for torch.
    assert {(store, collection) for store, collection, _ in places} == {
        ("qdrant", "documents"),
        ("pgvector", "documents"),
    }
    assert {model for _, _, model in places} == {"all-MiniLM-L6-v2/int8"}
    (mail,) = house.mail.taken
    assert (mail.sender, mail.recipients) == (SECRETS["FROM_EMAIL"], ("admin@alpha.example",))
    assert mail.encrypted
    assert "refunds.md" in mail.text


async def test_what_cannot_hold_here_is_said_once_when_it_starts(house: House) -> None:
    with capture_logs() as logs:
        async with open_reloader(house.loaded):
            pass
    said = [entry["key"] for entry in logs if entry["event"] == "setting_notice"]
    assert said == [
        "celery",
        "plugins.embedding_models.default",
        "plugins.vector_databases.fallback",
        "plugins.document_parsers.unstructured.mime_types",
        "retrieval.reranking_enabled",
    ]


def test_the_command_that_shows_settings_says_what_cannot_hold(tmp_path: Path) -> None:
    outcome = _foundry("config", "show", "plugins.vector_databases", **SECRETS, FOUNDRY_DATA_DIR=str(tmp_path))
    assert outcome.returncode == 0
    assert f"plugins.vector_databases.primary   qdrant  ({OWNERS_FILE})" in outcome.stdout
    for key in ("celery", "plugins.embedding_models.default", "plugins.vector_databases.fallback"):
        assert f": {key}: " in outcome.stderr


def test_bare_one_page_names_everything_that_is_missing_and_how_to_get_it(tmp_path: Path) -> None:
    closed = {name: str(_closed_port()) for name in ("DB_PORT", "REDIS_PORT", "QDRANT_PORT")}
    outcome = _foundry("up", "--data-dir", str(tmp_path), "--no-browser", **closed)
    assert outcome.returncode == 1
    page = outcome.stderr
    for variable in variables_without_default() - {"GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "SLACK_WEBHOOK_URL"}:
        assert f"{variable} is not set" in page
    for what in ("PostgreSQL (database)", "Redis (redis)", "The vector store qdrant"):
        assert f"{what} does not answer on localhost" in page
    assert "nothing was started" in page
    assert "Traceback" not in page
    assert not (tmp_path / "postgres").exists()


def _foundry(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command line on the owner's file, with these variables alone."""
    ours = ("FOUNDRY", "OPENAI", "ANTHROPIC")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(ours) and key not in SECRETS}
    return subprocess.run(
        [sys.executable, "-m", "services.commands.cli", *arguments],
        env={**inherited, "FOUNDRY_OVERLAY": str(OWNERS_FILE), **variables},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack writes into the environment of its process; setting a key first has it put back."""
    for key in [key for key in os.environ if key.startswith("FOUNDRY")]:
        monkeypatch.delenv(key)
    for name in (
        "user",
        "password",
        "migration_user",
        "migration_password",
        "maintenance_user",
        "maintenance_password",
    ):
        monkeypatch.setenv(f"FOUNDRY__database__{name}", "")
        monkeypatch.delenv(f"FOUNDRY__database__{name}")
    for key in ("FOUNDRY__storage__data_dir", "FOUNDRY__auth__jwt_secret_key"):
        monkeypatch.setenv(key, "")
        monkeypatch.delenv(key)


@pytest.mark.usefixtures("_own_environment")
async def test_a_superuser_in_the_file_makes_the_roles_and_the_application_comes_in_as_these(
    postgres_server: PostgresServer, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"owner_{uuid4().hex[:12]}"
    overlay = tmp_path / "department.yaml"
    redis_socket = redis_url.removeprefix("unix://").split("?")[0]
    overlay.write_text(
        f"database: {{host: {postgres_server.socket_dir}, name: {name}, user: postgres, ssl_mode: disable}}\n"
        f"redis: {{host: {redis_socket}}}\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("FOUNDRY_OVERLAY", str(overlay))
    said: list[str] = []
    try:
        async with own_stack(tmp_path, say=said.append) as stack:
            assert stack.settings.database.user == "foundry_app"
            async with open_services(load_settings()) as services:
                await assert_bound_by_policies(services)
    finally:
        postgres_server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    assert any("database.user postgres is a superuser" in line for line in said)


async def test_a_file_of_a_type_that_is_not_taken_in_is_told_apart_from_a_fault(
    environment: dict[str, str], tmp_path: Path
) -> None:
    loaded = load_settings(environ=environment | {"FOUNDRY__ingestion__supported_mime_types": '["text/markdown"]'})
    async with open_services(loaded) as services:
        department = await make_department(services, "alpha")

        @asynccontextmanager
        async def opened() -> AsyncIterator[Callable[[], Services]]:
            yield lambda: services

        app = create_app(settings_of_tests(tmp_path), opened)
        app.state.services = lambda: services
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as client:
            client.headers.update(await sign_in(client, department))
            gateway = Gateway(client)
            samples = Path(__file__).parents[2] / "examples" / "corpus"
            assert (await gateway.upload(samples / "employee-handbook.md")).task_id
            with pytest.raises(DocumentError, match="message/rfc822 are not taken in here") as refused:
                await gateway.upload(next(samples.glob("*.eml")))
    assert refused.value.failure_code == "unsupported_type"


@pytest.mark.sees("rate_limiting.storage", "database.echo")
async def test_who_counts_and_whether_statements_are_logged_are_as_the_settings_say(
    environment: dict[str, str],
) -> None:
    environ = environment | {"FOUNDRY__rate_limiting__storage": "memory", "FOUNDRY__database__echo": "true"}
    async with open_services(load_settings(environ=environ)) as services:
        assert isinstance(services.limiter, MemoryRateLimiter)
        assert services.database.engine.echo


async def test_the_application_does_not_work_as_a_role_that_no_policy_binds(environment: dict[str, str]) -> None:
    loaded = load_settings(environ=environment | {"FOUNDRY__database__user": "postgres"})
    with pytest.raises(ConfigurationError, match=r"database\.user: found postgres"):
        async with open_services(loaded):
            raise AssertionError("it opened")
