"""How do browser tests get a running application and a browser?

Gateway, worker and admin app run once for all tests here, each of which has an organisation of its own; who needs other
settings, or an installation with nobody else in it, starts one.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Browser, async_playwright, expect

from db.roles import OWNER_ROLE
from tests.e2e.site import (
    GATEWAY,
    WORKER,
    Site,
    StartAdmin,
    StartGateway,
    StartSite,
    add_organization,
    new_site,
    running,
    running_admin,
)
from tests.fixtures.application import settings_of
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.redis import running_redis

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# A worker builds its model at its first document, and two test processes share the cores.
expect.set_options(timeout=45_000)
FOR_MANY = {"FOUNDRY__ingestion__unpack_archives": "true", "FOUNDRY__rate_limiting__ip_limit": "10000/hour"}
"""What no test here changes: archives are read, and all come from one address."""


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Chromium as the system has it."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert path is not None, "Browser tests need Chromium: apt install chromium"
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        await started.close()


@pytest.fixture(scope="package")
def shared_environment(
    postgres_server: PostgresServer, migrated_template: str, models_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Settings of the stack that the tests share: its database, its Redis, its data folder."""
    name = f"shared_{uuid4().hex[:12]}"
    postgres_server.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_template} OWNER {OWNER_ROLE}")
    folder = tmp_path_factory.mktemp("shared")
    (folder / "models").symlink_to(models_dir)
    with running_redis() as redis:
        yield {**settings_of(postgres_server, name, redis.path, folder), **FOR_MANY}
    postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="package")
def shared_gateway(shared_environment: dict[str, str]) -> Iterator[str]:
    """Its gateway's address; a worker runs beside it."""
    folder = Path(shared_environment["FOUNDRY__storage__data_dir"])
    with running(shared_environment, folder, GATEWAY, WORKER) as address:
        yield address


@pytest.fixture(scope="package")
def admin(shared_gateway: str, shared_environment: dict[str, str]) -> Iterator[str]:
    """The address of its admin app."""
    with running_admin(shared_gateway, Path(shared_environment["FOUNDRY__storage__data_dir"])) as address:
        yield address


@pytest.fixture
async def site(shared_gateway: str, shared_environment: dict[str, str], browser: Browser) -> Site:
    """The shared stack, and an organisation of this test alone."""
    return await new_site(shared_gateway, shared_environment, browser)


@pytest.fixture
def start_gateway(
    shared_gateway: str, shared_environment: dict[str, str], browser: Browser, tmp_path: Path
) -> Iterator[StartGateway]:
    """Starts another gateway on the shared stores, with settings of its own, for a new organisation."""
    with ExitStack() as stack:

        async def start(**settings: str) -> Site:
            address = stack.enter_context(running({**shared_environment, **settings}, tmp_path, GATEWAY))
            return await new_site(address, shared_environment, browser)

        yield start


@pytest.fixture
def start_site(environment: dict[str, str], browser: Browser, tmp_path: Path) -> Iterator[StartSite]:
    """Starts an installation with stores of its own; its only organisation is called alpha."""
    with ExitStack() as stack:

        async def start() -> Site:
            await add_organization(environment, "alpha")
            address = stack.enter_context(running(environment, tmp_path, GATEWAY, WORKER))
            return Site(address, "alpha", environment, browser)

        yield start


@pytest.fixture
def start_admin(tmp_path: Path) -> Iterator[StartAdmin]:
    """Starts an admin app beside a site; returns its address."""
    with ExitStack() as stack:
        yield lambda site: stack.enter_context(running_admin(site.url, tmp_path))
