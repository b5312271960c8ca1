"""How is a Pinecone index asked? By the REST interface of its data plane, version 2026-07.

The official package is not used: it would bring two dependencies for six calls, and retries by itself without telling.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import httpx
import structlog
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from core.errors import ProviderError, ProviderUnavailableError
from plugins.vector_db.pinecone.options import PineconeOptions
from plugins.vector_db.rest import RestService, unencrypted

log = structlog.get_logger(__name__)

SERVICE: Final = "Pinecone"
API_VERSION: Final = "2026-07"
TOP_K: Final = 10_000
"""Most rows of one answer."""
_PAGE: Final = 100
_WRITTEN: Final = ("x-pinecone-request-lsn", "x-pinecone-lsn-committed")
_INDEXED: Final = ("x-pinecone-max-indexed-lsn", "x-pinecone-lsn-reconciled")
_FIRST_LOOK_S: Final = 0.05
_LAST_LOOK_S: Final = 1.0

Filter: TypeAlias = dict[str, Any]
"""A filter in Pinecone's words; an empty one admits everything of a namespace."""


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class _Namespace(_Answer):
    vector_count: int = 0


class Stats(_Answer):
    """What an index says about itself; ``dimension`` is missing where there are no dense vectors."""

    namespaces: dict[str, _Namespace]
    dimension: int | None = None
    metric: str | None = None


class Match(_Answer):
    """One result of a query."""

    id: str
    score: float
    metadata: dict[str, Any] | None = None


class _Matches(_Answer):
    matches: list[Match]


class _Stored(_Answer):
    upserted_count: int


class _Record(_Answer):
    metadata: dict[str, Any] | None = None


class _Next(_Answer):
    next: str | None = None


class _Records(_Answer):
    vectors: dict[str, _Record]
    pagination: _Next | None = Field(default=None)


class PineconeIndex:
    """Calls of one index; failures are ours."""

    def __init__(self, options: PineconeOptions, http: httpx.AsyncClient) -> None:
        headers = {"Api-Key": options.api_key.get_secret_value(), "X-Pinecone-Api-Version": API_VERSION}
        if unencrypted(options.address):
            log.warning("pinecone_key_travels_unencrypted", host=urlsplit(options.address).hostname)
        self._address = options.address
        self._fresh_s = options.fresh_s
        self._rest = RestService(SERVICE, http, headers, options.timeout_s)

    async def stats(self, timeout_s: float | None = None) -> Stats:
        """What the index says about itself; counts lag behind writes."""
        sent = await self._rest.sent("POST", f"{self._address}/describe_index_stats", {}, timeout_s=timeout_s)
        return self._rest.read(Stats, self._rest.answer(sent))

    async def upsert(self, body: bytes, rows: int) -> int | None:
        """Store rows; returns the number of the write in its namespace, if it has one."""
        sent = await self._rest.sent("POST", f"{self._address}/vectors/upsert", body)
        if self._rest.read(_Stored, self._rest.answer(sent)).upserted_count != rows:
            raise ProviderError(f"{SERVICE} stored fewer vectors than were sent.")
        return _number(sent.headers, _WRITTEN)

    async def query(
        self,
        namespace: str,
        dense: list[float],
        limit: int,
        condition: Filter,
        sparse: Mapping[str, Any] | None = None,
    ) -> list[Match]:
        """The best rows by dot product of both sides, best first."""
        body = {"includeMetadata": True, **_query(namespace, dense, min(limit, TOP_K), condition, sparse)}
        told = self._rest.answer(await self._rest.sent("POST", f"{self._address}/query", body))
        return self._rest.read(_Matches, told).matches

    async def fetch(self, namespace: str, identifier: str) -> Mapping[str, Any] | None:
        """Metadata of one row; None when it is not there."""
        params = {"ids": identifier, "namespace": namespace}
        sent = await self._rest.sent("GET", f"{self._address}/vectors/fetch", params=params)
        records = self._rest.read(_Records, self._rest.answer(sent)).vectors
        return (records[identifier].metadata or {}) if identifier in records else None

    async def count(self, namespace: str, condition: Filter) -> int:
        """How many rows fulfil the condition, which may not be empty: page by page, for want of another way."""
        total, token = 0, ""
        while True:
            body = {"namespace": namespace, "filter": condition, "limit": _PAGE}
            if token:
                body["paginationToken"] = token
            sent = await self._rest.sent("POST", f"{self._address}/vectors/fetch_by_metadata", body)
            told = self._rest.read(_Records, self._rest.answer(sent))
            total += len(told.vectors)
            token = (told.pagination.next if told.pagination else None) or ""
            if not token:
                return total

    async def delete(
        self, namespace: str, *, ids: Sequence[str] | None = None, condition: Filter | None = None
    ) -> int | None:
        """Remove rows by id or by condition; returns the number of the write, as ``upsert`` does."""
        chosen: dict[str, Any] = {"filter": condition} if ids is None else {"ids": list(ids)}
        sent = await self._rest.sent("POST", f"{self._address}/vectors/delete", {"namespace": namespace, **chosen})
        # The namespace is made by the first row in it.
        if sent.status_code == 404 and "amespace not found" in sent.text:
            return None
        told = self._rest.answer(sent)
        if not isinstance(told, dict):
            raise self._rest.nonsense()
        return _number(sent.headers, _WRITTEN)

    async def until_indexed(self, namespace: str, written: int | None, dimension: int) -> None:
        """Wait until queries see a write.

        Raises:
            ProviderUnavailableError: They did not within ``fresh_s``; writing again is harmless.
        """
        if written is None or not self._fresh_s:
            return
        pause = _FIRST_LOOK_S
        try:
            async with asyncio.timeout(self._fresh_s):
                while not await self._indexed(namespace, written, dimension):
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LAST_LOOK_S)
        except TimeoutError as error:
            raise ProviderUnavailableError(f"{SERVICE} has not finished writing.", next_step="Try again.") from error

    async def _indexed(self, namespace: str, written: int, dimension: int) -> bool:
        body = _query(namespace, [1.0, *[0.0] * (dimension - 1)], 1, {}, None)
        sent = await self._rest.sent("POST", f"{self._address}/query", body)
        self._rest.read(_Matches, self._rest.answer(sent))
        indexed = _number(sent.headers, _INDEXED)
        # An index that numbers its writes but not its answers cannot be waited for.
        return indexed is None or indexed >= written


def _query(
    namespace: str, dense: list[float], limit: int, condition: Filter, sparse: Mapping[str, Any] | None
) -> dict[str, Any]:
    body: dict[str, Any] = {"namespace": namespace, "topK": limit, "vector": dense}
    if condition:
        body["filter"] = condition
    if sparse is not None:
        body["sparseVector"] = sparse
    return body


def _number(headers: httpx.Headers, names: Sequence[str]) -> int | None:
    told = next((headers[name] for name in names if name in headers), "")
    return int(told) if told.isdigit() else None
