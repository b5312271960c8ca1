"""How do integration tests get the whole application on real stores?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from config.loader import LoadedSettings, load_settings
from core.identity import Principal, Role
from db.migrations import upgrade
from db.models import User
from db.roles import OWNER_ROLE, prepare_database
from db.urls import DatabaseAddress
from services.audit import ClientInfo
from services.bootstrap import Services, open_services
from services.first_run import create_organization
from services.views import Receipt
from services.worker import Worker, open_worker
from tests.fixtures.postgres import Database, PostgresServer
from tests.fixtures.redis import redis_client, redis_socket, redis_url

__all__ = ["redis_client", "redis_socket", "redis_url"]

CLIENT = ClientInfo("127.0.0.1", "tests")
PASSWORD = "A-long-enough-passw0rd"


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the embedding model is built once for all tests of a process."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture
async def environment(
    postgres_server: PostgresServer, database: Database, redis_url: str, tmp_path: Path, models_dir: Path
) -> dict[str, str]:
    """Settings of an application whose schema is there and whose model is built once."""
    superuser = DatabaseAddress(postgres_server.socket_dir, 5432, "postgres", "postgres", ssl_mode="disable")
    address = await prepare_database(superuser, database.name, {})
    await upgrade(address.as_user(OWNER_ROLE))
    (tmp_path / "models").symlink_to(models_dir)
    return {
        "FOUNDRY__storage__data_dir": str(tmp_path),
        "FOUNDRY__database__host": postgres_server.socket_dir,
        "FOUNDRY__database__name": database.name,
        "FOUNDRY__database__ssl_mode": "disable",
        "FOUNDRY__redis__host": redis_url.removeprefix("unix://").split("?")[0],
        "FOUNDRY__auth__jwt_secret_key": "a-secret-of-the-tests-that-is-long-enough",
        "FOUNDRY_IGNORE_MODEL_KEYS": "1",
    }


@pytest.fixture
def loaded(environment: dict[str, str]) -> LoadedSettings:
    """The settings."""
    return load_settings(environ=environment)


@pytest.fixture
async def services(loaded: LoadedSettings) -> AsyncIterator[Services]:
    """The application without a face."""
    async with open_services(loaded) as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class Department:
    """An organisation and its administrator."""

    services: Services
    user: User
    principal: Principal

    async def upload(self, filename: str, content: bytes, collection_id: UUID | None = None) -> Receipt:
        """Hand in a file."""

        async def blocks() -> AsyncIterator[bytes]:
            yield content

        return await self.services.ingestion.upload(
            self.principal, filename=filename, chunks=blocks(), collection_id=collection_id, client=CLIENT
        )

    async def read(self, worker: Worker, filename: str, content: bytes) -> Receipt:
        """Hand in a file and let the worker finish it."""
        receipt = await self.upload(filename, content)
        await worker.accept(self.principal.organization_id, receipt.task_id)
        await worker.drain()
        return await self.services.ingestion.receipt(self.principal, receipt.task_id)


async def make_department(services: Services, name: str, *, max_documents: int = 100) -> Department:
    """An organisation of its own."""
    user = await create_organization(
        services.database,
        name=name,
        email=f"admin@{name}.example",
        password=PASSWORD,
        role=Role.ADMIN,
        max_users=5,
        max_documents=max_documents,
    )
    return Department(services, user, Principal(user.id, user.organization_id, Role.ADMIN, user.email))


@pytest.fixture
async def department(services: Services) -> Department:
    """The organisation most tests need."""
    return await make_department(services, "alpha")


@pytest.fixture
async def worker(loaded: LoadedSettings) -> AsyncIterator[Worker]:
    """A worker in this process."""
    async with open_worker(loaded) as opened:
        yield opened
