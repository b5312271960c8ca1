"""What is every plugin given?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.interfaces.credentials import CredentialStore
from plugins.interfaces.embedding import EmbeddingProvider

if TYPE_CHECKING:
    import httpx
    from redis.asyncio import Redis


@dataclass(frozen=True, slots=True)
class PluginContext:
    """Shared resources a plugin may use; it never closes them.

    Attributes:
        data_dir: Folder for files that can be made again (compiled models, caches).
        database_url: libpq URL of the application role, for stores inside PostgreSQL; empty when there is none.
        migration_url: libpq URL of the role that may create tables; empty when this process must not.
    """

    http: httpx.AsyncClient
    data_dir: Path
    redis: Redis | None = None
    database_url: str = ""
    migration_url: str = ""
    embedding: EmbeddingProvider | None = None
    credentials: CredentialStore | None = None
