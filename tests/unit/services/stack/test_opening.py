"""Do commands find the stores, own the folder, and leave the database as it must be?"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.models import Settings
from core.errors import ConfigurationError, DatabaseError
from db.roles import APP_ROLE
from db.urls import DatabaseAddress
from services.embedded.lock import LOCK_NAME, only_instance
from services.stack.opening import PUBLISHED, any_stack, outside_superuser, own_stack
from services.stack.schema import bring_up_to_date


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stack writes into the environment of its process; each test gets a clean one back."""
    before = dict(os.environ)
    for key in list(os.environ):
        if key.startswith("FOUNDRY"):
            monkeypatch.delenv(key)
    yield
    os.environ.clear()
    os.environ.update(before)


async def test_from_nothing_to_a_database_the_application_may_use_but_not_own(tmp_path: Path) -> None:
    async with own_stack(tmp_path, say=lambda _: None, overrides={"FOUNDRY__chat__port": "18123"}) as stack:
        database = stack.settings.database
        assert stack.settings.chat.port == 18123
        assert len(stack.settings.auth.jwt_secret_key.get_secret_value()) >= 32
        address = DatabaseAddress(
            database.host, database.port, database.name, database.user, database.password.get_secret_value(), "disable"
        )
        async with await psycopg.AsyncConnection.connect(address.libpq()) as connection:
            role = await (
                await connection.execute(
                    "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
                )
            ).fetchone()
            owned = await (
                await connection.execute("SELECT count(*) FROM pg_tables WHERE tableowner = current_user")
            ).fetchone()
            tables = await (
                await connection.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'document_chunks'")
            ).fetchone()
    assert role == (APP_ROLE, False, False)
    assert owned == (0,)
    assert tables == (1,)


async def test_a_second_command_finds_the_running_stack(tmp_path: Path) -> None:
    async with own_stack(tmp_path, say=lambda _: None) as first:
        published = tmp_path / PUBLISHED
        assert stat.S_IMODE(published.stat().st_mode) == 0o600
        for key in json.loads(published.read_text()):
            del os.environ[key]
        async with any_stack(tmp_path, say=lambda _: None) as second:
            assert second.running
            assert second.settings.database == first.settings.database
            assert second.settings.redis == first.settings.redis
    assert not (tmp_path / PUBLISHED).exists()


async def test_a_second_owner_is_refused_before_ports_are_looked_at(tmp_path: Path) -> None:
    def check(settings: Settings) -> None:
        pytest.fail("the folder belongs to somebody else")

    async with own_stack(tmp_path, say=lambda _: None):
        with pytest.raises(ConfigurationError, match="runs already"):
            async with own_stack(tmp_path, say=lambda _: None, check=check):
                pytest.fail("two own the folder")


async def test_a_refusing_check_starts_nothing(tmp_path: Path) -> None:
    def check(settings: Settings) -> None:
        raise ConfigurationError("the port is taken")

    with pytest.raises(ConfigurationError, match="the port is taken"):
        async with own_stack(tmp_path, say=lambda _: None, check=check):
            pytest.fail("it started")
    assert not (tmp_path / "postgres").exists()


async def test_an_outside_database_that_does_not_answer_is_named(tmp_path: Path) -> None:
    settings = Settings.model_validate({"database": {"host": str(tmp_path), "name": "nowhere"}})
    with pytest.raises(DatabaseError, match=f"The database nowhere on {tmp_path} cannot be set up"):
        await bring_up_to_date(settings)


async def test_roles_of_other_names_are_refused_rather_than_made_halfway(tmp_path: Path) -> None:
    settings = Settings.model_validate({"database": {"host": str(tmp_path), "user": "somebody"}})
    superuser = DatabaseAddress(str(tmp_path), 5432, "postgres", "postgres")
    with pytest.raises(ConfigurationError, match=r"database\.user is somebody; only a role called foundry_app"):
        await bring_up_to_date(settings, superuser)


@pytest.fixture
def outside(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores that somebody else runs, named in the environment."""
    for key, value in environment.items():
        monkeypatch.setenv(key, value)


@pytest.mark.usefixtures("outside")
async def test_the_lock_of_a_run_that_was_killed_is_mentioned_and_taken_over(tmp_path: Path) -> None:
    folder, said = tmp_path / "data", list[str]()
    folder.mkdir()
    (folder / LOCK_NAME).write_text("4194305\n")
    async with own_stack(folder, say=said.append):
        assert said == ["The last run (process 4194305) ended without cleaning up; going on from where it was."]
    async with own_stack(folder, say=said.append):
        assert len(said) == 1


@pytest.mark.usefixtures("outside")
async def test_where_all_stores_are_outside_nothing_is_started_or_locked(tmp_path: Path) -> None:
    async with any_stack(tmp_path / "data", say=lambda _: None) as stack:
        assert stack.running
    assert not (tmp_path / "data").exists()


async def test_a_stack_that_is_just_starting_is_told_from_one_that_runs(tmp_path: Path) -> None:
    with only_instance(tmp_path):
        with pytest.raises(ConfigurationError, match=r"is starting or stopping.*Try again in a moment"):
            async with any_stack(tmp_path, say=lambda _: None):
                pytest.fail("it is not ready")


def test_the_superuser_of_an_outside_server_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.model_validate({"database": {"host": "db.example", "ssl_mode": "require"}})
    assert outside_superuser(settings) is None
    monkeypatch.setenv("FOUNDRY_SUPERUSER_PASSWORD", "hush")
    monkeypatch.setenv("FOUNDRY_SUPERUSER", "root")
    assert outside_superuser(settings) == DatabaseAddress("db.example", 5432, "postgres", "root", "hush", "require")
