"""Where do commands find PostgreSQL and Redis: outside, in a running `foundry up`, or started for the occasion?

Whatever is found is put into this process's environment as ``FOUNDRY__section__key``, the layer above all others, so
that everything that loads settings from then on, child processes included, sees the same.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from config.loader import load_settings
from config.mistakes import IncompleteSettingsError
from config.models import Settings
from core.errors import ConfigurationError
from core.security.secrets import read_or_create_secret_file, write_secret_file
from db.urls import DatabaseAddress
from services.embedded import EmbeddedEndpoints, embedded_services
from services.embedded.lock import holder, only_instance
from services.embedded.postgres import PORT, SUPERUSER
from services.embedded.preflight import prepare_folder, require_space
from services.embedded.supervisor import Say
from services.fallbacks import fitted
from services.roles import own_roles, said_of, superuser_in
from services.stack.requirements import required_settings
from services.stack.schema import bring_up_to_date

PUBLISHED = Path("run") / "environment.json"
"""Inside the data folder: the environment of a running `foundry up`, readable by its owner only."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Stores that are up, with a schema that is current.

    Attributes:
        running: Whether they run without us: outside, or in another process's `foundry up`; a worker then does, too.
    """

    data_dir: Path
    settings: Settings
    running: bool = False


def data_folder(given: Path | None) -> Path:
    """The folder named on the command line, else that of the settings."""
    if given is not None:
        return given.expanduser().absolute()
    try:
        settings = load_settings().settings
    except IncompleteSettingsError as error:
        # What is missing is told on one page once all of it is known.
        settings = error.settings
    return settings.storage.data_dir.expanduser().absolute()


@asynccontextmanager
async def any_stack(data_dir: Path | None, *, say: Say) -> AsyncIterator[Stack]:
    """Use what is there; start embedded services for the length of the block where nothing is."""
    folder = data_folder(data_dir)
    if holder(folder) is not None:
        os.environ.update(_published(folder))
        yield Stack(folder, load_settings().settings, running=True)
        return
    settings = (await asyncio.to_thread(required_settings)).settings
    if settings.database.host and settings.redis.host:
        # All stores are outside, and so is whoever migrates them.
        if await superuser_in(settings) is not None:
            os.environ.update(own_roles(prepare_folder(folder)))
            settings = load_settings().settings
        yield Stack(folder, settings, running=True)
        return
    async with own_stack(folder, say=say) as stack:
        yield stack


@asynccontextmanager
async def own_stack(
    folder: Path,
    *,
    say: Say,
    overrides: Mapping[str, str] | None = None,
    check: Callable[[Settings], None] = lambda _: None,
) -> AsyncIterator[Stack]:
    """Own a data folder, run the stores that no settings name, and bring the schema up to date.

    Args:
        overrides: Settings from the command line, as ``FOUNDRY__section__key``.
        check: May refuse; called when the folder is ours and before anything is started.

    Raises:
        ConfigurationError: Another instance, a full disk, wrong settings, a store that does not start.
        DatabaseError: The schema cannot be brought up to date.
    """
    folder = prepare_folder(folder)
    os.environ.update({"FOUNDRY__storage__data_dir": str(folder), **(overrides or {})})
    settings = (await asyncio.to_thread(required_settings)).settings
    require_space(folder)
    with only_instance(folder) as lock:
        if lock.left_by is not None:
            say(f"The last run (process {lock.left_by}) ended without cleaning up; going on from where it was.")
        check(settings)
        async with embedded_services(
            folder, say=say, with_postgres=not settings.database.host, with_redis=not settings.redis.host
        ) as endpoints:
            environment = _environment(folder, settings, endpoints)
            superuser = _superuser(settings, endpoints)
            if superuser is None and (superuser := await superuser_in(settings)) is not None:
                say(said_of(superuser))
                environment |= own_roles(folder)
            os.environ.update(environment)
            loaded = load_settings()
            settings = loaded.settings
            # Not before the secrets are there, or a plugin that needs one would seem not to fit.
            for notice in (await asyncio.to_thread(fitted, loaded)).notices:
                say(str(notice))
            await bring_up_to_date(settings, superuser)
            published = {"FOUNDRY__storage__data_dir": str(folder), **(overrides or {}), **environment}
            write_secret_file(folder / PUBLISHED, json.dumps(published, indent=1))
            try:
                yield Stack(folder, settings)
            finally:
                (folder / PUBLISHED).unlink(missing_ok=True)


def _environment(folder: Path, settings: Settings, endpoints: EmbeddedEndpoints) -> dict[str, str]:
    """What the embedded services and generated secrets add to the settings."""
    values: dict[str, str] = {}
    secrets = folder / "secrets"
    if endpoints.postgres is not None:
        values |= {
            "FOUNDRY__database__host": str(endpoints.postgres.socket_dir),
            "FOUNDRY__database__port": str(PORT),
            "FOUNDRY__database__ssl_mode": "disable",  # a socket of this machine, and the server has no certificate
            **own_roles(folder),
        }
    if endpoints.redis is not None:
        values |= {
            "FOUNDRY__redis__host": endpoints.redis.host,
            "FOUNDRY__redis__port": str(endpoints.redis.port),
            "FOUNDRY__redis__password": endpoints.redis.password,
            "FOUNDRY__queue__broker_url": "",  # the queue lies in the Redis that is brought
        }
    if not settings.auth.jwt_secret_key.get_secret_value():
        values["FOUNDRY__auth__jwt_secret_key"] = read_or_create_secret_file(secrets / "jwt_secret_key")
    return values


def _superuser(settings: Settings, endpoints: EmbeddedEndpoints) -> DatabaseAddress | None:
    if endpoints.postgres is not None:
        return DatabaseAddress(
            str(endpoints.postgres.socket_dir), PORT, "postgres", SUPERUSER, endpoints.postgres.password, "disable"
        )
    return outside_superuser(settings)


def outside_superuser(settings: Settings) -> DatabaseAddress | None:
    """The superuser of an outside server, if FOUNDRY_SUPERUSER_PASSWORD is set; its name is FOUNDRY_SUPERUSER."""
    password = os.environ.get("FOUNDRY_SUPERUSER_PASSWORD")
    if not password:
        return None
    database = settings.database
    name = os.environ.get("FOUNDRY_SUPERUSER", SUPERUSER)
    return DatabaseAddress(database.host, database.port, "postgres", name, password, database.ssl_mode)


def _published(folder: Path) -> dict[str, str]:
    try:
        found = json.loads((folder / PUBLISHED).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"Knowledge Foundry is starting or stopping on {folder}.", next_step="Try again in a moment."
        ) from error
    return {str(key): str(value) for key, value in found.items()}
