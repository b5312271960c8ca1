"""Which server stands in for Qdrant? One built on the engine inside qdrant-client, not Qdrant itself.

It speaks the REST and gRPC protocols of Qdrant 1.20, those endpoints that the ``qdrant`` plugin uses, and misbehaves on
demand. Searches are exact; payload indexes are remembered, not used.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

import grpc
from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python
from qdrant_client import models
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.servers.loopback import listening
from tests.servers.qdrant_engine import RETRY_AFTER_S, Fault, QdrantEngine, Refusal
from tests.servers.qdrant_grpc import grpc_server

_INSERT: TypeAdapter[models.PointInsertOperations] = TypeAdapter(models.PointInsertOperations)
_SELECTOR: TypeAdapter[models.PointsSelector] = TypeAdapter(models.PointsSelector)
Endpoint = Callable[[Request], Awaitable[Any]]


class QdrantServer(QdrantEngine):
    """A server in this process, over HTTP at ``address`` and over gRPC at ``grpc_port`` at once."""

    address = ""
    grpc_port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Listen on two free ports of the loopback address."""
        remote, self.grpc_port = grpc_server(self)
        await remote.start()
        try:
            async with listening(lambda _: Starlette(routes=self._routes())) as self.address:
                yield self
        finally:
            await remote.stop(grace=None)
            await self.engine.close()

    def _routes(self) -> list[Route]:
        one = "/collections/{name}"
        routes: list[tuple[str, str, Endpoint]] = [
            ("GET", "/", self._get_version),
            ("GET", "/collections", self._get_collections),
            ("GET", one, lambda request: self.info(request.path_params["name"])),
            ("GET", f"{one}/exists", self._get_exists),
            ("PUT", one, self._put_collection),
            ("PUT", f"{one}/index", self._put_index),
            ("PUT", f"{one}/points", self._put_points),
            ("POST", f"{one}/points/delete", self._post_delete),
            ("POST", f"{one}/points/query", self._post_query),
            ("POST", f"{one}/points/query/batch", self._post_query_batch),
            ("POST", f"{one}/points/count", self._post_count),
        ]
        return [Route(path, self._answered(endpoint), methods=[method]) for method, path, endpoint in routes]

    def _answered(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            self.calls.append(f"{request.method} {request.url.path}")
            self.keys.add(request.headers.get("api-key", ""))
            if content := await request.body():
                self.bodies.append(json.loads(content))
            if (misbehaviour := await self._misbehave(request)) is not None:
                return misbehaviour
            try:
                result = await endpoint(request)
            except Refusal as refusal:
                return _error(refusal.status, refusal.message)
            except ValueError as error:  # what the engine raises for a wrong request
                return _error(400, f"Wrong input: {error}")
            if isinstance(result, models.VersionInfo):
                return JSONResponse(result.model_dump(mode="json"))
            return JSONResponse({"result": to_jsonable_python(result), "status": "ok", "time": 0.001})

        return answer

    async def _misbehave(self, request: Request) -> Response | None:
        match self.fault:
            case Fault.RATE_LIMITED:
                return _error(429, "Rate limit exceeded", {"Retry-After": str(RETRY_AFTER_S)})
            case Fault.BROKEN:
                return _error(500, "Service internal error: sealed segment")
            case Fault.BAD_KEY:
                return Response("Must provide an API key or an Authorization bearer token", 401)
            case Fault.NONSENSE:
                return Response("<html>not what you asked for</html>", media_type="application/json")
            case Fault.EMPTY:
                return JSONResponse({"result": None, "status": "ok", "time": 0.0})
            case Fault.CUT:
                return Response(b'{"resu', headers={"Content-Length": "1000"})
            case Fault.SILENT:
                await self.count(opened=1)
                while (await request.receive())["type"] != "http.disconnect":
                    pass
                await self.count(cancelled=1)
                return Response(status_code=499)
            case _:
                return None

    async def _get_version(self, _: Request) -> models.VersionInfo:
        return models.VersionInfo(title="qdrant - vector search engine", version=self.version)

    async def _get_collections(self, _: Request) -> models.CollectionsResponse:
        return await self.engine.get_collections()

    async def _get_exists(self, request: Request) -> models.CollectionExistence:
        return models.CollectionExistence(exists=await self.engine.collection_exists(request.path_params["name"]))

    async def _put_collection(self, request: Request) -> bool:
        wanted = models.CreateCollection.model_validate(await request.json())
        return await self.create(request.path_params["name"], wanted)

    async def _put_index(self, request: Request) -> models.UpdateResult:
        wanted = models.CreateFieldIndex.model_validate(await request.json())
        return await self.index(request.path_params["name"], wanted.field_name, wanted.field_schema)

    async def _put_points(self, request: Request) -> models.UpdateResult:
        wanted = _INSERT.validate_python(await request.json())
        if not isinstance(wanted, models.PointsList):
            raise Refusal(400, grpc.StatusCode.INVALID_ARGUMENT, "this server takes lists of points only")
        return await self.upsert(request.path_params["name"], wanted.points)

    async def _post_delete(self, request: Request) -> models.UpdateResult:
        return await self.delete(request.path_params["name"], _SELECTOR.validate_python(await request.json()))

    async def _post_query(self, request: Request) -> models.QueryResponse:
        wanted = models.QueryRequest.model_validate(await request.json())
        return (await self.query(request.path_params["name"], [wanted]))[0]

    async def _post_query_batch(self, request: Request) -> list[models.QueryResponse]:
        wanted = models.QueryRequestBatch.model_validate(await request.json())
        return await self.query(request.path_params["name"], wanted.searches)

    async def _post_count(self, request: Request) -> models.CountResult:
        wanted = models.CountRequest.model_validate(await request.json())
        return models.CountResult(count=await self.total(request.path_params["name"], wanted.filter))


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"status": {"error": message}, "time": 0.0}, status, headers=headers)
