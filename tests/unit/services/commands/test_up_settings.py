"""Does `foundry up` start things where the settings say?"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.models import Settings
from core.errors import ConfigurationError
from services.commands import up
from services.stack import processes


@pytest.fixture
def taken() -> Iterator[tuple[str, int]]:
    """An address somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.5", 0))
        listener.listen()
        yield listener.getsockname()


@pytest.mark.sees("chat.host", "chat.port", "admin.host", "admin.port")
@pytest.mark.parametrize("part", ["chat", "admin"])
def test_a_port_that_is_taken_at_its_host_is_told_before_anything_starts(part: str, taken: tuple[str, int]) -> None:
    host, port = taken
    with pytest.raises(ConfigurationError, match=str(port)):
        up._check_ports(Settings.model_validate({part: {"host": host, "port": port}}))
    up._check_ports(
        Settings.model_validate({"chat": {"port": 18_000}, "admin": {"port": 18_001}, part: {"port": port}})
    )


@pytest.mark.sees("admin.host", "admin.port", "ingestion.max_file_size_mb")
def test_the_admin_app_listens_and_takes_files_as_told(tmp_path: Path) -> None:
    settings = {"admin": {"host": "127.0.0.6", "port": 8511}, "ingestion": {"max_file_size_mb": 7}}
    child = processes.admin(tmp_path, Settings.model_validate(settings))
    options = {"--server.address=127.0.0.6", "--server.port=8511", "--server.maxUploadSize=7"}
    assert options <= set(child.command)


@pytest.mark.sees("admin.public_url", "chat.public_url")
def test_people_are_told_the_addresses_they_can_use(capsys: pytest.CaptureFixture[str]) -> None:
    settings = {"chat": {"public_url": "https://chat.example/"}, "admin": {"public_url": "https://admin.example/"}}
    up._show_addresses(Settings.model_validate(settings), 1.0)
    told = capsys.readouterr().out
    assert "https://chat.example\n" in told
    assert "https://admin.example\n" in told
