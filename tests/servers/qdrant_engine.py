"""Which engine answers for Qdrant in the tests? The one inside qdrant-client, whatever protocol asks it."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from importlib.metadata import version
from typing import Any

import grpc
from qdrant_client import AsyncQdrantClient, models

KEY = "qdrant-test-key"
RETRY_AFTER_S = 7


class Fault(StrEnum):
    """How the server misbehaves with every call, until told otherwise."""

    NONE = "none"
    RATE_LIMITED = "rate_limited"  # 429 with Retry-After: 7
    BROKEN = "broken"  # 500
    BAD_KEY = "bad_key"  # 401
    SILENT = "silent"  # no answer at all
    CUT = "cut"  # the connection ends amid the answer
    NONSENSE = "nonsense"  # 200 with something else
    EMPTY = "empty"  # 200 without a result
    FOREIGN = "foreign"  # ignores filters
    UNFINISHED = "unfinished"  # writes are accepted, not done


class Refusal(Exception):
    """An answer with an error status, in both protocols."""

    def __init__(self, status: int, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class QdrantEngine:
    """Collections and points, as both protocols see them.

    Attributes:
        calls: ``METHOD path`` of HTTP, full method names of gRPC, in order.
        bodies: JSON bodies of HTTP requests, one for each that had one.
        keys: API keys that came with calls; empty for none.
        indexes: Payload indexes that were asked for, by collection and field.
        cancelled: Calls to a silent server that the other side gave up.
    """

    def __init__(self, *, told_version: str = version("qdrant-client")) -> None:
        self.fault = Fault.NONE
        self.version = told_version
        self.calls: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.indexes: dict[str, dict[str, models.PayloadIndexInfo]] = {}
        self.opened = self.cancelled = 0
        self.changed = asyncio.Condition()
        self.engine = AsyncQdrantClient(location=":memory:")

    def misbehave(self, fault: str) -> None:
        """Answer every call with this fault from now on; ``none`` ends it."""
        self.fault = Fault(fault)

    async def until_opened(self, count: int) -> None:
        """Wait until so many calls have come to a silent server; at most 30 s."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: self.opened >= count)

    async def until_cancelled(self, count: int) -> None:
        """Wait until so many calls were given up by the other side; at most 30 s."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: self.cancelled >= count)

    async def count(self, *, opened: int = 0, cancelled: int = 0) -> None:
        """Note calls to a silent server, and calls given up."""
        async with self.changed:
            self.opened += opened
            self.cancelled += cancelled
            self.changed.notify_all()

    async def info(self, collection: str) -> models.CollectionInfo:
        """Shape of a collection, with the indexes that were asked for."""
        await self.must_exist(collection)
        found = await self.engine.get_collection(collection)
        return found.model_copy(update={"payload_schema": self.indexes.get(collection, {})})

    async def must_exist(self, collection: str) -> None:
        """Refuse as Qdrant does when there is no such collection."""
        if not await self.engine.collection_exists(collection):
            raise Refusal(404, grpc.StatusCode.NOT_FOUND, f"Not found: Collection `{collection}` doesn't exist!")

    async def create(self, collection: str, wanted: models.CreateCollection) -> bool:
        """Make a collection; the second time is refused."""
        if await self.engine.collection_exists(collection):
            raise Refusal(409, grpc.StatusCode.ALREADY_EXISTS, f"Collection `{collection}` already exists!")
        return await self.engine.create_collection(
            collection, vectors_config=wanted.vectors, sparse_vectors_config=wanted.sparse_vectors
        )

    async def index(self, collection: str, field: str, schema: Any) -> models.UpdateResult:
        """Remember an index."""
        await self.must_exist(collection)
        kind = models.PayloadSchemaType(getattr(schema, "type", schema))
        params = None if isinstance(schema, models.PayloadSchemaType) else schema
        known = self.indexes.setdefault(collection, {})
        known[field] = models.PayloadIndexInfo(data_type=kind, params=params, points=0)
        return self._done()

    async def upsert(self, collection: str, points: list[models.PointStruct]) -> models.UpdateResult:
        """Store points."""
        await self.must_exist(collection)
        await self.engine.upsert(collection, points)
        return self._done()

    async def delete(self, collection: str, selector: models.PointsSelector) -> models.UpdateResult:
        """Remove points."""
        await self.must_exist(collection)
        await self.engine.delete(collection, selector)
        return self._done()

    async def query(self, collection: str, requests: list[models.QueryRequest]) -> list[models.QueryResponse]:
        """Answer a batch of queries."""
        await self.must_exist(collection)
        if self.fault is Fault.FOREIGN:
            requests = [
                models.QueryRequest(limit=request.limit, with_payload=request.with_payload) for request in requests
            ]
        # The engine is exact and warns where it is told how to approximate.
        return await self.engine.query_batch_points(collection, [_without_params(request) for request in requests])

    async def total(self, collection: str, condition: models.Filter | None) -> int:
        """How many points fulfil the condition."""
        await self.must_exist(collection)
        return (await self.engine.count(collection, count_filter=condition, exact=True)).count

    def _done(self) -> models.UpdateResult:
        status = models.UpdateStatus.ACKNOWLEDGED if self.fault is Fault.UNFINISHED else models.UpdateStatus.COMPLETED
        return models.UpdateResult(operation_id=0, status=status)


def _without_params(request: models.QueryRequest) -> models.QueryRequest:
    prefetch = request.prefetch if isinstance(request.prefetch, list) else []
    sides = [side.model_copy(update={"params": None}) for side in prefetch]
    return request.model_copy(update={"params": None, "prefetch": sides or None})
