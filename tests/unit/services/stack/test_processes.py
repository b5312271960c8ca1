"""Are the processes told what they need, and no more?"""

from __future__ import annotations

from pathlib import Path

import pytest

from config.models import Settings
from services.stack import processes
from tests.fixtures.owner import OWNERS_FILE, SECRETS

SETTINGS = Settings.model_validate({"chat": {"host": "0.0.0.0", "port": 8010}, "admin": {"port": 8511}})


def test_the_admin_app_knows_the_gateway_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOUNDRY__database__password", "hush")
    monkeypatch.setenv("OPENAI_API_KEY", "hush")
    monkeypatch.setenv("LANG", "C.UTF-8")
    child = processes.admin(tmp_path, SETTINGS)
    assert child.environment is not None
    assert "hush" not in child.environment.values()
    assert child.environment["FOUNDRY_API_URL"] == "http://127.0.0.1:8010"
    assert child.environment["LANG"] == "C.UTF-8"
    assert {"--server.port=8511", "--server.maxUploadSize=50"} <= set(child.command)


def test_the_admin_app_gets_no_variable_that_the_settings_refer_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOUNDRY_OVERLAY", str(OWNERS_FILE))
    for name in SECRETS:
        monkeypatch.setenv(name, "hush")
        monkeypatch.setenv(f"{name}_FILE", "hush")
    child = processes.admin(tmp_path, SETTINGS)
    assert child.environment is not None
    assert "hush" not in child.environment.values()


def test_worker_and_chat_get_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOUNDRY__database__password", "known")
    for child, module in ((processes.worker(tmp_path), "jobs.worker"), (processes.chat(tmp_path), "chat_app.asgi")):
        assert child.environment is not None
        assert child.environment["FOUNDRY__database__password"] == "known"
        assert child.command[-2:] == ("-m", module)
        assert child.log_file == tmp_path / "logs" / f"{child.name}.log"
