"""Where are the stores that the settings name?"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from config.models import Settings
from core.errors import ConfigurationError
from db.urls import DatabaseAddress

DEFAULT_REDIS_PORT = 6379
_HERE = ("localhost", "127.0.0.1", "::1")


def application_address(settings: Settings) -> DatabaseAddress:
    """The database as the application role."""
    return _address(settings, settings.database.user, settings.database.password)


def owner_address(settings: Settings) -> DatabaseAddress:
    """The database as the role that may change tables."""
    return _address(settings, settings.database.migration_user, settings.database.migration_password)


def maintenance_address(settings: Settings) -> DatabaseAddress:
    """The database as the role that sees all organisations."""
    return _address(settings, settings.database.maintenance_user, settings.database.maintenance_password)


def redis_url(settings: Settings) -> str:
    """URL of Redis; a host that is a path is a Unix socket.

    Raises:
        ConfigurationError: No Redis is named.
    """
    redis = settings.redis
    if not redis.host:
        raise ConfigurationError(
            "No Redis is configured.", next_step="Start with foundry up, or set FOUNDRY__redis__host."
        )
    return redis.url


def queue_url(settings: Settings) -> str:
    """URL of the Redis that holds the queue; with the password of the section ``redis`` where it is the same server.

    Raises:
        ConfigurationError: No Redis is named.
    """
    broker = settings.queue.broker_url
    if not broker:
        return redis_url(settings)
    found, redis = urlsplit(broker), settings.redis
    here = found.hostname in _HERE and redis.host in _HERE
    same = found.scheme == "unix" and found.path == redis.host
    same = same or ((here or found.hostname == redis.host) and (found.port or DEFAULT_REDIS_PORT) == redis.port)
    if found.password is None and same and (password := redis.password.get_secret_value()):
        return broker.replace("://", f"://:{quote(password, safe='')}@", 1)
    return broker


def _address(settings: Settings, user: str, password: SecretStr) -> DatabaseAddress:
    database = settings.database
    if not database.host:
        raise ConfigurationError(
            "No PostgreSQL is configured.", next_step="Start with foundry up, or set FOUNDRY__database__host."
        )
    return DatabaseAddress(
        database.host, database.port, database.name, user, password.get_secret_value(), database.ssl_mode
    )
