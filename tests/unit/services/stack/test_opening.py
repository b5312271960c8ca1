"""Do commands say what keeps them from the stores, before anything is started?"""

from __future__ import annotations

from pathlib import Path

import pytest

from config.models import Settings
from core.errors import ConfigurationError, DatabaseError
from db.urls import DatabaseAddress
from services.embedded.lock import only_instance
from services.stack.opening import any_stack, outside_superuser, own_stack
from services.stack.schema import bring_up_to_date

pytestmark = pytest.mark.usefixtures("own_environment")


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
