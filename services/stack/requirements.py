"""What is missing before anything can start: variables that are not set, and stores that do not answer?

Both are told on one page, so that nobody has to start again and again to hear of the next one.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from config.loader import LoadedSettings, load_settings
from config.mistakes import IncompleteSettingsError
from config.models import PluginEntry, Settings
from core.errors import ConfigurationError

CONNECT_S = 3.0
_DATABASE = (
    "start it there, or name another in database.host; FOUNDRY__database__host= (set to nothing) has foundry up bring "
    "one of its own"
)
_REDIS = (
    "start it there, or name another in redis.host; FOUNDRY__redis__host= (set to nothing) has foundry up bring one of "
    "its own"
)
_VECTORS = (
    "start it there (Qdrant: docker run -p 6333:6333 -p 6334:6334 qdrant/qdrant); or keep vectors in PostgreSQL: "
    "FOUNDRY__vector_db__provider=pgvector and FOUNDRY__plugins__vector_databases__primary=pgvector"
)


def required_settings() -> LoadedSettings:
    """The settings, when nothing is missing.

    Raises:
        ConfigurationError: They are wrong; or one page with every variable and every store that is missing.
    """
    page: tuple[str, ...] = ()
    try:
        loaded = load_settings()
        settings = loaded.settings
    except IncompleteSettingsError as error:
        page, settings = error.page, error.settings
    lines = [*page, *unanswered(settings)]
    if lines:
        listing = "\n".join(f"  {line}" for line in lines)
        raise ConfigurationError(
            f"Something is missing; nothing was started.\n{listing}\n", next_step="Get it and start again."
        )
    return loaded


def unanswered(settings: Settings) -> Iterator[str]:
    """A line for each store that the settings name and that does not take a connection."""
    for what, host, port, how in _stores(settings):
        try:
            socket.create_connection((host, port), timeout=CONNECT_S).close()
        except OSError as error:
            yield f"{what} does not answer on {host}:{port} ({error.strerror or error}); how to get it: {how}."


def _stores(settings: Settings) -> Iterator[tuple[str, str, int, str]]:
    database, redis = settings.database, settings.redis
    if _is_over_network(database.host):
        yield "PostgreSQL (database)", database.host, database.port, _DATABASE
    if _is_over_network(redis.host):
        yield "Redis (redis)", redis.host, redis.port, _REDIS
    broker = urlsplit(settings.queue.broker_url)
    if redis.host and broker.hostname and (broker.hostname, broker.port or 6379) != (redis.host, redis.port):
        yield "Redis (queue.broker_url)", broker.hostname, broker.port or 6379, "start it there, or leave the key out"
    primary = next((one for one in settings.plugins.vector_db if one.name == settings.primary_vector_db), None)
    if primary is not None and (place := _place(primary)) is not None:
        yield f"The vector store {primary.name}", *place, _VECTORS


def _is_over_network(host: str) -> bool:
    return bool(host) and not host.startswith("/")


def _place(entry: PluginEntry) -> tuple[str, int] | None:
    """Host and port of a store, where its options name both or an address."""
    url, host, port = (entry.config.get(key) for key in ("url", "host", "port"))
    if url:
        parts = urlsplit(str(url))
        return (parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)) if parts.hostname else None
    return (str(host), int(str(port))) if host and port else None
