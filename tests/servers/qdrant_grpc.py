"""How does the stand-in for Qdrant speak gRPC?"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from qdrant_client import grpc as wire
from qdrant_client import models
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc

from tests.servers.qdrant_engine import RETRY_AFTER_S, Fault, QdrantEngine, Refusal


def grpc_server(engine: QdrantEngine) -> tuple[grpc.aio.Server, int]:
    """A server that is not started yet, and its port of the loopback address."""
    server = grpc.aio.server(interceptors=(_Misbehaviour(engine),))
    wire.add_QdrantServicer_to_server(_Root(engine), server)
    wire.add_CollectionsServicer_to_server(_Collections(engine), server)
    wire.add_PointsServicer_to_server(_Points(engine), server)
    return server, server.add_insecure_port("127.0.0.1:0")


class _Misbehaviour(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc ships no types
    """Counts calls, turns refusals into status codes, and carries out faults."""

    def __init__(self, engine: QdrantEngine) -> None:
        self._engine = engine

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        self._engine.calls.append(details.method)
        self._engine.keys.add(dict(details.invocation_metadata).get("api-key", ""))
        handler = await continuation(details)
        return grpc.unary_unary_rpc_method_handler(self._answered(handler), handler.request_deserializer, None)

    def _answered(self, handler: Any) -> Any:
        async def answer(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
            if (content := await self._misbehave(context)) is not None:
                return content
            try:
                result: bytes = handler.response_serializer(await handler.unary_unary(request, context))
            except Refusal as refusal:
                await context.abort(refusal.code, refusal.message)
            except ValueError as error:  # what the engine raises for a wrong request
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"Wrong input: {error}")
            return result

        return answer

    async def _misbehave(self, context: grpc.aio.ServicerContext[Any, Any]) -> bytes | None:
        match self._engine.fault:
            case Fault.RATE_LIMITED:
                context.set_trailing_metadata((("retry-after", str(RETRY_AFTER_S)),))
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Rate limit exceeded")
            case Fault.BROKEN:
                await context.abort(grpc.StatusCode.INTERNAL, "Service internal error: sealed segment")
            case Fault.BAD_KEY:
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, "Must provide an API key")
            case Fault.CUT:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset by peer")
            case Fault.NONSENSE:
                return b"<html>not what you asked for</html>"
            case Fault.EMPTY:
                return b""
            case Fault.SILENT:
                await self._engine.count(opened=1)
                try:
                    await asyncio.Event().wait()
                finally:
                    await asyncio.shield(self._engine.count(cancelled=1))
        return None


class _Root(wire.QdrantServicer):
    def __init__(self, engine: QdrantEngine) -> None:
        self._engine = engine

    async def HealthCheck(self, request: Any, context: Any) -> Any:
        return wire.HealthCheckReply(title="qdrant - vector search engine", version=self._engine.version)


class _Collections(wire.CollectionsServicer):
    def __init__(self, engine: QdrantEngine) -> None:
        self._engine = engine

    async def List(self, request: Any, context: Any) -> Any:
        found = await self._engine.engine.get_collections()
        names = [wire.CollectionDescription(name=collection.name) for collection in found.collections]
        return wire.ListCollectionsResponse(collections=names)

    async def CollectionExists(self, request: Any, context: Any) -> Any:
        exists = await self._engine.engine.collection_exists(request.collection_name)
        return wire.CollectionExistsResponse(result=wire.CollectionExists(exists=exists))

    async def Get(self, request: Any, context: Any) -> Any:
        info = await self._engine.info(request.collection_name)
        return wire.GetCollectionInfoResponse(result=RestToGrpc.convert_collection_info(info))

    async def Create(self, request: Any, context: Any) -> Any:
        wanted = models.CreateCollection(
            vectors=GrpcToRest.convert_vectors_config(request.vectors_config),
            sparse_vectors=GrpcToRest.convert_sparse_vector_config(request.sparse_vectors_config),
        )
        return wire.CollectionOperationResponse(result=await self._engine.create(request.collection_name, wanted))


class _Points(wire.PointsServicer):
    def __init__(self, engine: QdrantEngine) -> None:
        self._engine = engine

    async def CreateFieldIndex(self, request: Any, context: Any) -> Any:
        schema = GrpcToRest.convert_payload_schema_params(request.field_index_params)
        return _written(await self._engine.index(request.collection_name, request.field_name, schema))

    async def Upsert(self, request: Any, context: Any) -> Any:
        points = [GrpcToRest.convert_point_struct(point) for point in request.points]
        return _written(await self._engine.upsert(request.collection_name, points))

    async def Delete(self, request: Any, context: Any) -> Any:
        selector = GrpcToRest.convert_points_selector(request.points)
        return _written(await self._engine.delete(request.collection_name, selector))

    async def Query(self, request: Any, context: Any) -> Any:
        wanted = [GrpcToRest.convert_query_points(request)]
        (answer,) = await self._engine.query(request.collection_name, wanted)
        return wire.QueryResponse(result=_scored(answer))

    async def QueryBatch(self, request: Any, context: Any) -> Any:
        wanted = [GrpcToRest.convert_query_points(one) for one in request.query_points]
        answers = await self._engine.query(request.collection_name, wanted)
        return wire.QueryBatchResponse(result=[wire.BatchResult(result=_scored(answer)) for answer in answers])

    async def Count(self, request: Any, context: Any) -> Any:
        condition = GrpcToRest.convert_filter(request.filter) if request.HasField("filter") else None
        total = await self._engine.total(request.collection_name, condition)
        return wire.CountResponse(result=wire.CountResult(count=total))


def _written(result: models.UpdateResult) -> Any:
    return wire.PointsOperationResponse(result=RestToGrpc.convert_update_result(result))


def _scored(answer: models.QueryResponse) -> list[Any]:
    return [RestToGrpc.convert_scored_point(point) for point in answer.points]
