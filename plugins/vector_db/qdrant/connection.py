"""How is Qdrant reached, and what becomes of its failures?"""

from __future__ import annotations

import asyncio
import importlib
import math
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import structlog

from core.errors import ConfigurationError, ProviderError
from plugins.vector_db.qdrant.options import MEMORY, QdrantOptions
from plugins.vendors.upstream import translated

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

log = structlog.get_logger(__name__)

SERVICE: Final = "Qdrant"
OLDEST: Final = (1, 10)
"""First version whose query interface takes prefetches."""
TENANTS_SINCE: Final = (1, 11)
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


async def connect(options: QdrantOptions, data_dir: Path) -> AsyncQdrantClient:
    """A client for the place the options name; a server is not called yet.

    Raises:
        ConfigurationError: They name none, or another process has the folder open.
    """
    # Hundreds of generated classes take a second to import.
    await asyncio.to_thread(importlib.import_module, "qdrant_client")
    if options.embedded:
        return _embedded(options.path, data_dir)
    if not options.address:
        raise ConfigurationError(
            "vector_db 'qdrant' does not know where Qdrant is.", next_step="Set vector_db.host, or url or path."
        )
    return _remote(options)


async def version(client: AsyncQdrantClient, timeout_s: float) -> tuple[int, int]:
    """Version of the server, after making sure that it is new enough and takes our key.

    Raises:
        ConfigurationError: It is too old.
        ProviderError: It does not answer, or refuses the key.
    """
    async with answering(timeout_s):
        told = (await client.info()).version
        # The version is told to everybody; only a call for data shows whether the key is right.
        await client.get_collections()
    match = re.match(r"v?(\d+)\.(\d+)", told)
    if match is None:
        raise ProviderError(f"{SERVICE} does not say its version; is it another server?")
    found = (int(match[1]), int(match[2]))
    if found < OLDEST:
        raise ConfigurationError(f"Qdrant {match[0]} is too old; 1.10 or newer is needed.")
    return found


@asynccontextmanager
async def answering(timeout_s: float) -> AsyncIterator[None]:
    """Failures of the block become ours, and so does silence."""
    with translated(SERVICE, foreign=True):
        async with asyncio.timeout(timeout_s):
            yield


def _embedded(path: str, data_dir: Path) -> AsyncQdrantClient:
    from qdrant_client import AsyncQdrantClient

    if path == MEMORY:
        return AsyncQdrantClient(location=MEMORY)
    folder = data_dir / path
    try:
        return AsyncQdrantClient(path=str(folder))
    except RuntimeError as error:
        raise ConfigurationError(
            f"The Qdrant folder {folder} is in use by another process.",
            next_step="Run a Qdrant server where several processes need it.",
        ) from error


def _remote(options: QdrantOptions) -> AsyncQdrantClient:
    import httpx
    from qdrant_client import AsyncQdrantClient

    parts = urlsplit(options.address)
    key = options.api_key.get_secret_value()
    if key and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        log.warning("qdrant_key_travels_unencrypted", host=parts.hostname)
    return AsyncQdrantClient(
        url=options.address,
        grpc_port=options.grpc,
        prefer_grpc=options.prefer_grpc,
        # As a header, because the client answers a key over plain HTTP with a warning of its own.
        headers={"api-key": key} if key else None,
        # Ours ends a call first; the client knows whole seconds only.
        timeout=math.ceil(options.timeout_s) + 1,
        limits=httpx.Limits(max_connections=options.connections),
        check_compatibility=False,
    )
