"""Which server stands in for Pinecone? One written after its data plane, REST version 2026-07, not Pinecone itself.

Paths, bodies, headers and limits are those of the official Python package 10.2 and of Pinecone's page of limits: six
calls on one serverless index. Searches are exact. It can lag behind writes, as Pinecone does, and misbehaves on demand.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any, Self

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.servers.loopback import listening
from tests.servers.silence import SilentServer

KEY = "pinecone-test-key"
RETRY_AFTER_S = 7
MAX_REQUEST = 2_000_000
Row = dict[str, Any]


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
    FOREIGN = "foreign"  # answers from all namespaces, without filters
    PARTIAL = "partial"  # stores one row fewer than was sent


class Refusal(Exception):
    """An answer with an error status and Pinecone's code for it."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class PineconeServer(SilentServer):
    """One index.

    Attributes:
        calls: ``METHOD path`` in order.
        bodies: JSON bodies, one for each call that had one.
        sizes: Bytes of these bodies.
        headers: Of the last call.
        lag: So many queries of a namespace answer as before its last write.
        numbered: Whether writes and answers carry log sequence numbers.
    """

    def __init__(self, dimension: int | None, metric: str = "dotproduct") -> None:
        super().__init__()
        self.dimension, self.metric = dimension, metric
        self.address = ""
        self.fault = Fault.NONE
        self.calls: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.sizes: list[int] = []
        self.headers: dict[str, str] = {}
        self.lag = 0
        self.numbered = True
        self.spaces: dict[str, dict[str, Row]] = {}
        self._seen: dict[str, dict[str, Row]] = {}
        self._written: dict[str, int] = {}
        self._behind: dict[str, int] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Listen on a free port of the loopback address."""
        routes = [
            Route("/describe_index_stats", self._answered(self._stats), methods=["POST"]),
            Route("/vectors/upsert", self._answered(self._upsert), methods=["POST"]),
            Route("/query", self._answered(self._query), methods=["POST"]),
            Route("/vectors/fetch", self._answered(self._fetch), methods=["GET"]),
            Route("/vectors/fetch_by_metadata", self._answered(self._fetch_by_metadata), methods=["POST"]),
            Route("/vectors/delete", self._answered(self._delete), methods=["POST"]),
        ]
        async with listening(lambda _: Starlette(routes=routes)) as self.address:
            yield self

    def misbehave(self, fault: str) -> None:
        """Answer every call with this fault from now on; ``none`` ends it."""
        self.fault = Fault(fault)

    def _answered(self, endpoint: Any) -> Any:
        async def answer(request: Request) -> Response:
            self.calls.append(f"{request.method} {request.url.path}")
            self.headers = dict(request.headers)
            content = await request.body()
            body = json.loads(content) if content else {}
            if content:
                self.bodies.append(body)
                self.sizes.append(len(content))
            if (misbehaviour := await self._misbehave(request)) is not None:
                return misbehaviour
            try:
                self._admit(request, content)
                told, headers = endpoint(request, body)
            except Refusal as refusal:
                return JSONResponse({"code": refusal.code, "message": refusal.message, "details": []}, refusal.status)
            return JSONResponse(told, headers=headers if self.numbered else {})

        return answer

    def _admit(self, request: Request, content: bytes) -> None:
        if request.headers.get("api-key") != KEY:
            raise Refusal(401, 16, "Invalid API Key")
        if request.headers.get("x-pinecone-api-version") != "2026-07":
            raise Refusal(400, 3, "Unsupported API version")
        if len(content) > MAX_REQUEST:
            raise Refusal(400, 3, "Request size exceeds the maximum supported size of 2097152 bytes")

    def _stats(self, _: Request, body: dict[str, Any]) -> tuple[Any, dict[str, str]]:
        _require(not body.get("filter"), "Serverless indexes do not support describing stats with metadata filtering")
        spaces = {name: {"vectorCount": len(rows)} for name, rows in self.spaces.items() if rows}
        total = sum(len(rows) for rows in self.spaces.values())
        told = {"namespaces": spaces, "indexFullness": 0, "totalVectorCount": total, "metric": self.metric}
        dense = {} if self.dimension is None else {"dimension": self.dimension}
        return {**told, **dense, "vectorType": "dense" if dense else "sparse"}, {}

    def _upsert(self, _: Request, body: dict[str, Any]) -> tuple[Any, dict[str, str]]:
        rows: list[Row] = body["vectors"]
        _require(0 < len(rows) <= 1000, "The number of vectors must be between 1 and 1000")
        _require(len({row["id"] for row in rows}) == len(rows), "Duplicate ids in one request")
        for row in rows:
            sparse = row.get("sparseValues", {"indices": [], "values": []})
            _require(len(row["values"]) == self.dimension, "Vector dimension does not match the index")
            _require(any(row["values"]), "Dense vectors must contain at least one non-zero value")
            _require(len(sparse["indices"]) == len(sparse["values"]) <= 1000, "Too many sparse values")
            _require("sparseValues" not in row or bool(sparse["indices"]), "Sparse vector must contain a value")
            _require(all(isinstance(value, str) for value in row["metadata"].values()), "Metadata must be strings")
        space = self._changing(body["namespace"])
        stored = rows[: -1 if self.fault is Fault.PARTIAL else None]
        space.update({row["id"]: row for row in stored})
        return {"upsertedCount": len(stored)}, self._write(body["namespace"])

    def _delete(self, _: Request, body: dict[str, Any]) -> tuple[Any, dict[str, str]]:
        if body["namespace"] not in self.spaces:
            raise Refusal(404, 5, "Namespace not found")
        _require(("ids" in body) != ("filter" in body), "Exactly one of ids, deleteAll and filter must be given")
        _require("ids" not in body or 0 < len(body["ids"]) <= 1000, "The number of ids must be between 1 and 1000")
        _require(body.get("filter") != {}, "Filter must not be empty")
        space = self._changing(body["namespace"])
        fulfilling = [name for name, row in space.items() if "filter" in body and _fulfils(row, body["filter"])]
        for name in body.get("ids", fulfilling):
            space.pop(name, None)
        return {}, self._write(body["namespace"])

    def _query(self, _: Request, body: dict[str, Any]) -> tuple[Any, dict[str, str]]:
        namespace, sparse = body["namespace"], body.get("sparseVector")
        _require(1 <= body["topK"] <= 10_000, "topK must be between 1 and 10000")
        _require(len(body["vector"]) == self.dimension, "Query vector dimension does not match the index")
        _require(sparse is None or self.metric == "dotproduct", "Index configuration does not support sparse values")
        rows, headers = self._visible(namespace)
        condition = body.get("filter", {})
        if self.fault is Fault.FOREIGN:
            rows = {name: row for space in self.spaces.values() for name, row in space.items()}
            condition = {}
        admitted = [row for row in rows.values() if _fulfils(row, condition)]
        scored = sorted(zip(self._scores(admitted, body["vector"], sparse), admitted, strict=True), key=lambda p: -p[0])
        matches = [
            {"id": row["id"], "score": score, "values": []}
            | ({"metadata": row["metadata"]} if body.get("includeMetadata") else {})
            for score, row in scored[: body["topK"]]
        ]
        return {"matches": matches, "namespace": namespace, "usage": {"readUnits": 1}}, headers

    def _scores(self, rows: list[Row], dense: list[float], sparse: dict[str, Any] | None) -> list[float]:
        if not rows:
            return []
        vectors, query = np.array([row["values"] for row in rows]), np.array(dense)
        scores = vectors @ query
        if self.metric == "cosine":
            scores = scores / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
        if sparse is not None:
            weights = dict(zip(sparse["indices"], sparse["values"], strict=True))
            for number, row in enumerate(rows):
                terms = row.get("sparseValues", {"indices": [], "values": []})
                pairs = zip(terms["indices"], terms["values"], strict=True)
                scores[number] += sum(weights.get(term, 0.0) * weight for term, weight in pairs)
        return [float(score) for score in scores]

    def _fetch(self, request: Request, _: dict[str, Any]) -> tuple[Any, dict[str, str]]:
        namespace = request.query_params["namespace"]
        rows, ids = self.spaces.get(namespace, {}), request.query_params.getlist("ids")
        return {"vectors": {name: rows[name] for name in ids if name in rows}, "namespace": namespace}, {}

    def _fetch_by_metadata(self, _: Request, body: dict[str, Any]) -> tuple[Any, dict[str, str]]:
        _require(bool(body.get("filter")), "Filter must not be empty")
        rows = self.spaces.get(body["namespace"], {})
        admitted = [row for row in rows.values() if _fulfils(row, body["filter"])]
        start, limit = int(body.get("paginationToken", "0")), body.get("limit", 100)
        end = start + limit
        pagination = {"pagination": {"next": str(end)}} if end < len(admitted) else {}
        return {
            "vectors": {row["id"]: row for row in admitted[start:end]},
            "namespace": body["namespace"],
            **pagination,
        }, {}

    def _changing(self, namespace: str) -> dict[str, Row]:
        """Rows of a namespace about to be changed; lagging queries go on to see what is there now."""
        space = self.spaces.setdefault(namespace, {})
        if self.lag and not self._behind.get(namespace):
            self._seen[namespace] = dict(space)
        return space

    def _write(self, namespace: str) -> dict[str, str]:
        self._written[namespace] = self._written.get(namespace, 0) + 1
        self._behind[namespace] = self.lag
        return {"x-pinecone-request-lsn": str(self._written[namespace])}

    def _visible(self, namespace: str) -> tuple[dict[str, Row], dict[str, str]]:
        written, behind = self._written.get(namespace, 0), self._behind.get(namespace, 0)
        if behind:
            self._behind[namespace] = behind - 1
            return self._seen[namespace], {"x-pinecone-max-indexed-lsn": str(written - 1)}
        return self.spaces.get(namespace, {}), {"x-pinecone-max-indexed-lsn": str(written)}

    async def _misbehave(self, request: Request) -> Response | None:
        match self.fault:
            case Fault.RATE_LIMITED:
                return _error(429, "RESOURCE_EXHAUSTED", {"Retry-After": str(RETRY_AFTER_S)})
            case Fault.BROKEN:
                return _error(500, "UNKNOWN")
            case Fault.BAD_KEY:
                return _error(401, "UNAUTHENTICATED")
            case Fault.NONSENSE:
                return Response("<html>not what you asked for</html>", media_type="application/json")
            case Fault.EMPTY:
                return JSONResponse(None)
            case Fault.CUT:
                return Response(b'{"matc', headers={"Content-Length": "1000"})
            case Fault.SILENT:
                return await self.silence(request)
            case _:
                return None


def _fulfils(row: Row, condition: dict[str, Any]) -> bool:
    for field, wanted in condition.items():
        if field == "$and":
            if not all(_fulfils(row, part) for part in wanted):
                return False
            continue
        _require(0 < len(wanted["$in"]) <= 10_000, "$in takes 1 to 10000 values")
        if row["metadata"].get(field) not in wanted["$in"]:
            return False
    return True


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise Refusal(400, 3, message)


def _error(status: int, code: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": "as the test wants it"}, "status": status}, status, headers)
