"""Does the gateway do what its settings say?"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import structlog
import uvicorn
from fastapi import FastAPI, Response
from starlette.requests import Request
from structlog.testing import capture_logs

from chat_app import asgi
from chat_app.asgi import create_app
from chat_app.gateway.authentication import client_of
from chat_app.gateway.cookies import set_session
from core.errors import ConfigurationError, KnowledgeFoundryError
from core.telemetry import configure_logging
from plugins.interfaces import TokenPair
from services.gateway_settings import gateway_settings

Environ = Callable[..., None]


@pytest.fixture(autouse=True)
def environ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Environ:
    """Sets settings by their dotted keys; the data folder is the test's own."""

    def use(**values: str) -> None:
        for key, value in values.items():
            monkeypatch.setenv(f"FOUNDRY__{key}", value)

    use(storage__data_dir=str(tmp_path))
    return use


def _app() -> FastAPI:
    return create_app(gateway_settings())


def _client(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://testserver")


@pytest.mark.sees("app.name", "app.version")
async def test_the_api_bears_its_name_and_version(environ: Environ) -> None:
    environ(app__name="Payroll", app__version="7.7.7")
    async with _client(_app()) as api:
        info = (await api.get("/api/v1/openapi.json")).json()["info"]
    assert (info["title"], info["version"]) == ("Payroll", "7.7.7")


@pytest.mark.sees("app.debug")
@pytest.mark.parametrize(("debug", "error"), [("true", ZeroDivisionError), ("true", KnowledgeFoundryError), ("", None)])
async def test_errors_say_where_they_came_from_only_while_debugging(
    environ: Environ, debug: str, error: type[Exception] | None
) -> None:
    environ(app__debug=debug or "false")
    app = _app()

    @app.get("/broken")
    async def broken() -> None:
        raise (error or ZeroDivisionError)("what somebody wrote")

    async with _client(app) as api:
        problem = (await api.get("/broken")).json()
    assert problem["status"] == 500
    assert ("trace" in problem) is bool(debug)
    assert ("what somebody wrote" in str(problem.get("trace"))) is bool(debug)


@pytest.mark.sees("chat.allowed_origins")
@pytest.mark.parametrize(("origins", "allowed"), [('["https://a.example"]', "https://a.example"), ("[]", None)])
async def test_only_named_origins_may_call(environ: Environ, origins: str, allowed: str | None) -> None:
    environ(chat__allowed_origins=origins)
    ask = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    async with _client(_app()) as api:
        answer = await api.options("/api/v1/documents", headers=ask)
    assert answer.headers.get("Access-Control-Allow-Origin") == allowed


@pytest.mark.sees("chat.trusted_proxies")
@pytest.mark.parametrize(("trusted", "address"), [('["10.0.0.1"]', "203.0.113.9"), ("[]", "10.0.0.1")])
def test_only_a_trusted_proxy_says_who_calls(environ: Environ, trusted: str, address: str) -> None:
    environ(chat__trusted_proxies=trusted)
    headers = [(b"x-forwarded-for", b"203.0.113.9")]
    scope = {"type": "http", "app": _app(), "client": ("10.0.0.1", 5000), "headers": headers}
    assert client_of(Request(scope)).ip_address == address


@pytest.mark.sees("chat.public_url", "auth.refresh_token_expire_days")
@pytest.mark.parametrize(("public_url", "secure"), [("https://chat.example", True), ("http://chat.example", False)])
def test_cookies_stay_on_tls_and_live_as_long_as_a_session_can_be_renewed(
    environ: Environ, public_url: str, secure: bool
) -> None:
    environ(chat__public_url=public_url, auth__refresh_token_expire_days="3")
    answer = Response()
    set_session(answer, TokenPair("access", "refresh", datetime.now(UTC), uuid4()), gateway_settings())
    cookies = [value.decode().lower() for name, value in answer.raw_headers if name == b"set-cookie"]
    assert len(cookies) == 3
    assert all(("secure" in cookie) is secure and "max-age=259200" in cookie for cookie in cookies)


@pytest.mark.sees("ingestion.max_file_size_mb")
@pytest.mark.parametrize(("max_file_size_mb", "refused"), [("1", True), ("3", False)])
async def test_a_body_over_the_limit_is_refused_at_the_door(
    environ: Environ, max_file_size_mb: str, refused: bool
) -> None:
    environ(ingestion__max_file_size_mb=max_file_size_mb)
    # Without services the route itself fails, which is told at length.
    with capture_logs():
        async with _client(_app()) as api:
            answer = await api.post("/api/v1/documents", content=b"x" * 2_500_000)
    assert (answer.status_code == 413) is refused


# -- the process


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Logging as it was before the test; what it opened is closed."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def served(restored_logging: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What uvicorn was asked to serve, with one event logged as if it had."""
    asked: dict[str, Any] = {}

    def run(_: FastAPI, **arguments: Any) -> None:
        asked.update(arguments)
        log = structlog.get_logger("tests")
        log.info("served", text="quiet")
        log.error("served", text="loud")

    monkeypatch.setattr(uvicorn, "run", run)
    return asked


@pytest.fixture
def log(environ: Environ, tmp_path: Path) -> Path:
    """A log file in a folder that is not there yet."""
    path = tmp_path / "logs" / "here" / "foundry.log"
    environ(observability__logging__output=str(path))
    return path


def _served(log: Path) -> list[str]:
    """The lines of ``served``; Chainlit may have written some of its own."""
    return [line for line in log.read_text(encoding="utf-8").splitlines() if "served" in line]


@pytest.mark.sees("chat.host", "chat.port")
def test_it_listens_where_told(environ: Environ, served: dict[str, Any]) -> None:
    environ(chat__host="127.0.0.9", chat__port="8077")
    assert asgi.main() == 0
    assert (served["host"], served["port"]) == ("127.0.0.9", 8077)


@pytest.mark.sees("observability.logging.output", "observability.logging.format")
@pytest.mark.parametrize("format_", ["json", "console"])
def test_the_log_goes_into_a_file_for_machines_or_people(
    environ: Environ, served: dict[str, Any], log: Path, format_: str
) -> None:
    environ(observability__logging__format=format_)
    assert asgi.main() == 0
    lines = _served(log)
    assert len(lines) == 2
    assert lines[0].startswith("{") is (format_ == "json")
    if format_ == "json":
        assert json.loads(lines[0])["foundry.text"] == "quiet"


@pytest.mark.sees("observability.logging.level")
@pytest.mark.parametrize(("level", "lines"), [("INFO", 2), ("ERROR", 1)])
def test_the_log_holds_what_is_serious_enough(
    environ: Environ, served: dict[str, Any], log: Path, level: str, lines: int
) -> None:
    environ(observability__logging__level=level)
    assert asgi.main() == 0
    assert len(_served(log)) == lines


def test_a_log_that_cannot_be_written_stops_the_start(
    environ: Environ, served: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    environ(observability__logging__output=str(tmp_path / "file" / "log"))
    assert asgi.main() == 1
    assert "observability.logging.output" in capsys.readouterr().err
    assert served == {}


@pytest.mark.parametrize("output", ["stdout", "stderr"])
def test_the_log_goes_to_either_standard_stream(
    restored_logging: None, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    configure_logging("INFO", "json", "chat", output=output)
    structlog.get_logger("tests").info("heard")
    told = capsys.readouterr()
    assert "heard" in getattr(told, output.removeprefix("std"))
    assert told.err + told.out == getattr(told, output.removeprefix("std"))


def test_a_rotated_log_goes_on_in_a_new_file(restored_logging: None, tmp_path: Path) -> None:
    path = tmp_path / "log"
    configure_logging("INFO", "json", "chat", output=str(path))
    log = structlog.get_logger("tests")
    log.info("before")
    path.rename(tmp_path / "log.1")
    log.info("after")
    assert "after" in path.read_text(encoding="utf-8")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        configure_logging("INFO", "json", "chat", output=str(path / "inside"))
