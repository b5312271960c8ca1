"""Where are the stores that the settings name?"""

from __future__ import annotations

from pydantic import SecretStr

from config.models import Settings
from core.errors import ConfigurationError
from db.urls import DatabaseAddress


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


def _address(settings: Settings, user: str, password: SecretStr) -> DatabaseAddress:
    database = settings.database
    if not database.host:
        raise ConfigurationError(
            "No PostgreSQL is configured.", next_step="Start with foundry up, or set FOUNDRY__database__host."
        )
    return DatabaseAddress(
        database.host, database.port, database.name, user, password.get_secret_value(), database.ssl_mode
    )
