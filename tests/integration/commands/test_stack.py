"""Do commands bring the stores up, find them, and leave the database as it must be?"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import psycopg
import pytest

from config.models import Settings
from core.errors import ConfigurationError
from db.roles import APP_ROLE
from db.urls import DatabaseAddress
from services.embedded.lock import LOCK_NAME
from services.stack.opening import PUBLISHED, any_stack, own_stack

pytestmark = pytest.mark.usefixtures("own_environment")


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


@pytest.fixture
def outside(own_environment: None, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
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
