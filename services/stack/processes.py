"""Which processes does `foundry up` keep running, and when are they ready?"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from config.loader import named_variables
from config.models import Settings
from services.embedded.supervisor import Child, Supervisor

_ROOT = Path(__file__).resolve().parents[2]
_READY_WITHIN_S = 180.0
_ATTEMPTS = 3
API_URL = "FOUNDRY_API_URL"
"""Environment variable that tells the admin app where the gateway is."""


_OF_EVERY_CHILD = {
    "DO_NOT_TRACK": "1",
    "PYTHONUNBUFFERED": "1",
    # Each thread of glibc's own heap keeps what it once needed; two heaps are enough and save a third of the memory.
    "MALLOC_ARENA_MAX": "2",
}


def worker(data_dir: Path) -> Child:
    """The process that reads documents."""
    return _child("worker", ("-m", "jobs.worker"), data_dir, os.environ)


def chat(data_dir: Path) -> Child:
    """The process with chat and API."""
    return _child("chat", ("-m", "chat_app.asgi"), data_dir, os.environ)


def admin(data_dir: Path, settings: Settings) -> Child:
    """The admin app; it gets the address of the gateway and no secret."""
    secrets = ("FOUNDRY_", "OPENAI_", "ANTHROPIC_", "AZURE_")
    named = named_variables()
    environment = {key: value for key, value in os.environ.items() if not key.startswith(secrets) and key not in named}
    environment[API_URL] = f"http://{_called(settings.chat.host)}:{settings.chat.port}"
    options = {
        "server.address": settings.admin.host,
        "server.port": str(settings.admin.port),
        "server.maxUploadSize": str(settings.ingestion.max_file_size_mb),
    }
    script = str(_ROOT / "admin_app" / "main.py")
    arguments = ("-m", "streamlit", "run", script, *(f"--{key}={value}" for key, value in options.items()))
    return _child("admin", arguments, data_dir, environment)


def _child(name: str, arguments: tuple[str, ...], data_dir: Path, environment: Mapping[str, str]) -> Child:
    return Child(
        name=name,
        # -P: a file called config.py in the folder where somebody stands must not be taken for ours.
        command=(sys.executable, "-P", *arguments),
        log_file=data_dir / "logs" / f"{name}.log",
        environment={**environment, **_OF_EVERY_CHILD},
    )


async def until_chat_answers(supervisor: Supervisor, settings: Settings) -> None:
    """Return when the API is ready to be called."""
    await _until_url(supervisor, "chat", f"http://{_called(settings.chat.host)}:{settings.chat.port}/healthz")


async def until_admin_answers(supervisor: Supervisor, settings: Settings) -> None:
    """Return when the admin app serves its page."""
    address = f"http://{_called(settings.admin.host)}:{settings.admin.port}"
    await _until_url(supervisor, "admin", f"{address}/_stcore/health")


async def _until_url(supervisor: Supervisor, name: str, url: str) -> None:
    # Without proxies from the environment: the address is on this machine.
    async with httpx.AsyncClient(timeout=3, trust_env=False) as client:

        async def probe() -> bool:
            try:
                return (await client.get(url)).is_success
            except httpx.TransportError:
                return False

        await supervisor.until_ready(name, probe, within_s=_READY_WITHIN_S, attempts=_ATTEMPTS)


def _called(host: str) -> str:
    # 0.0.0.0 and :: are listened on, never called.
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not bound
