"""What does `foundry up` say of ports before it starts anything?"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from config.models import Settings
from core.errors import ConfigurationError
from services.commands.up import _check_ports
from services.embedded.preflight import free_port


@pytest.fixture
def taken() -> Iterator[int]:
    """A port somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def settings(**metrics: object) -> Settings:
    return Settings.model_validate(
        {"chat": {"port": free_port()}, "admin": {"port": free_port()}, "observability": {"metrics": metrics}}
    )


def test_a_taken_port_of_the_metrics_is_told_and_refuses_nothing(taken: int, capfd: pytest.CaptureFixture[str]) -> None:
    _check_ports(settings(port=taken))
    said = "".join(capfd.readouterr())
    assert f"Port {taken} for the worker's metrics is taken" in said
    assert "Everything else works" in said
    assert "FOUNDRY__observability__metrics__port" in said


@pytest.mark.parametrize("quiet", [{"enabled": False}, {"port": 0}])
def test_of_metrics_that_need_no_port_nothing_is_said(
    taken: int, quiet: dict[str, object], capfd: pytest.CaptureFixture[str]
) -> None:
    _check_ports(settings(**{"port": taken, **quiet}))
    assert "metrics" not in "".join(capfd.readouterr())


def test_a_taken_port_of_the_chat_still_refuses(taken: int) -> None:
    with pytest.raises(ConfigurationError, match="for the chat is taken"):
        _check_ports(Settings.model_validate({"chat": {"port": taken}}))
