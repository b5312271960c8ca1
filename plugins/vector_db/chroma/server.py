"""How is a Chroma server asked? By version 2 of its REST interface, as servers from 1.0 on speak it.

The library's own HTTP client is not used: it shares connections and headers (so keys too) between all clients of a
process, does not check certificates unless told to, and drops the ``Retry-After`` of a 429. A server therefore needs no
Chroma library here.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import structlog
from pydantic import BaseModel

from core.errors import ConfigurationError, ProviderError
from plugins.vector_db.chroma.engine import (
    SERVICE,
    CollectionGoneError,
    Near,
    Rows,
    Shape,
    Where,
    index_configuration,
)
from plugins.vector_db.chroma.options import ChromaOptions
from plugins.vector_db.rest import RestService, unencrypted

log = structlog.get_logger(__name__)

OLDEST: Final = (1, 0)
_BATCH_BYTES: Final = 16_000_000
"""A server takes 40 MB in one request unless told otherwise."""
_COMPONENT_BYTES: Final = 24


class _Limits(BaseModel):
    max_batch_size: int


class _Collection(BaseModel):
    id: str
    metadata: dict[str, Any] | None = None
    configuration_json: dict[str, Any]
    dimension: int | None = None


class _Found(BaseModel):
    metadatas: list[list[dict[str, Any] | None]]
    distances: list[list[float]]


class _Page(BaseModel):
    ids: list[str]


class ChromaServer:
    """An ``Engine`` that asks a server."""

    def __init__(self, options: ChromaOptions, http: httpx.AsyncClient) -> None:
        self._batch = options.upsert_batch
        self._root = f"{options.address}/api/v2"
        self._collections = f"{self._root}/tenants/{options.tenant}/databases/{options.database}/collections"
        headers: dict[str, str] = {}
        if key := options.api_key.get_secret_value():
            headers[options.key_header] = f"Bearer {key}" if options.key_header == "authorization" else key
            if unencrypted(options.address):
                log.warning("chroma_key_travels_unencrypted", host=urlsplit(options.address).hostname)
        self._timeout_s = options.timeout_s
        self._rest = RestService(SERVICE, http, headers, options.timeout_s)

    async def open(self) -> None:
        await self.check(self._timeout_s)
        limits = self._rest.read(_Limits, await self._asked("GET", f"{self._root}/pre-flight-checks"))
        if limits.max_batch_size > 0:
            self._batch = min(self._batch, limits.max_batch_size)

    async def check(self, timeout_s: float) -> None:
        """See ``Engine``.

        Raises:
            ConfigurationError: The server is too old, or does not know the tenant or database.
        """
        told = await self._asked("GET", f"{self._root}/version", timeout_s=timeout_s)
        match = re.match(r"v?(\d+)\.(\d+)", told) if isinstance(told, str) else None
        if match is None:
            raise ProviderError(f"{SERVICE} does not say its version; is it another server?")
        if (int(match[1]), int(match[2])) < OLDEST:
            raise ConfigurationError(f"Chroma {match[0]} is too old; 1.0 or newer is needed.")
        # The version is told to everybody; only a call for data shows whether the key is right.
        if await self._found("GET", self._collections.removesuffix("/collections"), timeout_s=timeout_s) is None:
            raise ConfigurationError(
                "The Chroma server does not know the tenant or database.",
                next_step="Make it there, or change tenant and database.",
            )

    async def find(self, name: str) -> Shape | None:
        told = await self._found("GET", f"{self._collections}/{name}")
        if told is None:
            return None
        collection = self._rest.read(_Collection, told)
        return Shape(collection.id, collection.metadata or {}, collection.configuration_json, collection.dimension)

    async def create(self, name: str, metadata: Mapping[str, Any], search_ef: int) -> None:
        body = {"name": name, "metadata": dict(metadata), "configuration": index_configuration(search_ef)}
        self._rest.read(_Collection, await self._asked("POST", self._collections, body))

    def batch(self, vector_size: int) -> int:
        return max(1, min(self._batch, _BATCH_BYTES // (vector_size * _COMPONENT_BYTES)))

    async def upsert(self, collection: str, rows: Rows) -> None:
        # Writing thousands of numbers as text takes long enough to be felt by other requests on the loop.
        content = await asyncio.to_thread(_written, rows)
        await self._inside(collection, "upsert", content)

    async def query(self, collection: str, vector: list[float], limit: int, where: Where) -> list[Near]:
        body = {
            "query_embeddings": [vector],
            "n_results": limit,
            "where": where,
            "include": ["metadatas", "distances"],
        }
        told = self._rest.read(_Found, await self._inside(collection, "query", body))
        if len(told.metadatas) != 1 or len(told.distances) != 1 or len(told.metadatas[0]) != len(told.distances[0]):
            raise self._rest.nonsense()
        return [Near(*near) for near in zip(told.metadatas[0], told.distances[0], strict=True)]

    async def count(self, collection: str, where: Where, limit: int, offset: int) -> int:
        body = {"where": where, "limit": limit, "offset": offset, "include": []}
        return len(self._rest.read(_Page, await self._inside(collection, "get", body)).ids)

    async def delete(self, collection: str, where: Where) -> None:
        await self._inside(collection, "delete", {"where": where})

    async def delete_ids(self, collection: str, ids: Sequence[str]) -> None:
        await self._inside(collection, "delete", {"ids": list(ids)})

    async def close(self) -> None:
        """The HTTP client is shared and stays open."""

    async def _inside(self, collection: str, operation: str, body: dict[str, Any] | bytes) -> Any:
        told = await self._found("POST", f"{self._collections}/{collection}/{operation}", body)
        if told is None:
            raise CollectionGoneError
        return told

    async def _found(
        self, method: str, url: str, body: dict[str, Any] | bytes | None = None, *, timeout_s: float | None = None
    ) -> Any:
        """The answer; None when the server says that there is no such thing."""
        response = await self._rest.sent(method, url, body, timeout_s=timeout_s)
        # Something else than Chroma behind the address says 404 in its own words.
        if response.status_code == 404 and "NotFoundError" in response.text:
            return None
        return self._rest.answer(response)

    async def _asked(
        self, method: str, url: str, body: dict[str, Any] | None = None, *, timeout_s: float | None = None
    ) -> Any:
        return self._rest.answer(await self._rest.sent(method, url, body, timeout_s=timeout_s))


def _written(rows: Rows) -> bytes:
    return json.dumps({"ids": rows.ids, "embeddings": rows.vectors.tolist(), "metadatas": rows.metadatas}).encode()
