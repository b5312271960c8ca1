"""Which server stands in for a rerank service?

One that speaks ``POST /rerank`` and ``GET /health`` of Text Embeddings Inference 1.8, and ``POST /v2/rerank`` and
``GET /v1/models`` of Cohere's API v2 (``POST /v1/rerank`` as Jina has it). The score is the share of the question's
words that a passage has, or of those in ``words`` where they are given.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.servers.loopback import listening

TEI_BATCH = 32


class Fault(StrEnum):
    """How the server misbehaves with every call, until told otherwise."""

    NONE = "none"
    RATE_LIMITED = "rate_limited"  # 429 with Retry-After: 7
    BROKEN = "broken"  # 500
    UNAVAILABLE = "unavailable"  # 503
    BAD_KEY = "bad_key"  # 401
    SILENT = "silent"  # no answer at all
    CUT = "cut"  # half an answer, then the connection ends
    DRIPPING = "dripping"  # blanks for ever, each well within a timeout between bytes
    REDIRECTED = "redirected"  # 307 to somewhere else
    HTML = "html"  # not JSON
    OTHER_JSON = "other_json"  # JSON of another kind
    TWICE = "twice"  # one passage twice, another not at all
    OUT_OF_RANGE = "out_of_range"
    NEGATIVE = "negative"  # an index below zero
    TOO_FEW = "too_few"
    NOT_A_NUMBER = "not_a_number"  # NaN
    WORD = "word"  # a word where a score should be
    FLOOD = "flood"  # more bytes than any ranking has


class RerankServer:
    """Both shapes; ``bodies``, ``paths`` and ``headers`` keep what came, ``opened`` and ``cancelled`` count calls."""

    def __init__(self) -> None:
        self.fault = Fault.NONE
        self.words = ""
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: dict[str, str] = {}
        self.opened = self.cancelled = 0
        self.changed = asyncio.Condition()
        self.address = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Listen on a free port of the loopback address."""
        app = Starlette(
            routes=[
                Route("/rerank", self._answering(self._tei), methods=["POST"]),
                Route("/health", self._answering(self._fine), methods=["GET"]),
                Route("/v2/rerank", self._answering(self._cohere), methods=["POST"]),
                Route("/v1/rerank", self._answering(self._cohere), methods=["POST"]),
                Route("/v1/models", self._answering(self._fine), methods=["GET"]),
            ]
        )
        async with listening(lambda _: app) as self.address:
            yield self

    async def until(self, *, opened: int = 0, cancelled: int = 0) -> None:
        """Wait until so many calls came, and so many were ended by the other side; at most 30 s."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: self.opened >= opened and self.cancelled >= cancelled)

    def _answering(
        self, answer: Callable[[dict[str, Any]], tuple[object, int]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            self.headers = dict(request.headers)
            body = await request.body()
            asked = json.loads(body) if body else {}
            if body:
                self.bodies.append(asked)
                self.paths.append(request.url.path)
            await self._count(opened=1)
            if self.fault is Fault.SILENT:
                while (await request.receive())["type"] != "http.disconnect":
                    pass
                await self._count(cancelled=1)
                return Response(status_code=499)
            if (refusal := self._refusal()) is not None:
                return refusal
            content, status = answer(asked)
            # Python writes NaN where JSON knows none, as servers in Python do.
            return Response(json.dumps(content), status, media_type="application/json")

        return respond

    async def _count(self, *, opened: int = 0, cancelled: int = 0) -> None:
        async with self.changed:
            self.opened += opened
            self.cancelled += cancelled
            self.changed.notify_all()

    def _refusal(self) -> Response | None:
        match self.fault:
            case Fault.RATE_LIMITED:
                return JSONResponse({"error": "Model is overloaded"}, 429, headers={"Retry-After": "7"})
            case Fault.BROKEN:
                return JSONResponse({"error": "Inference failed"}, 500)
            case Fault.UNAVAILABLE:
                return JSONResponse({"error": "Not ready"}, 503)
            case Fault.BAD_KEY:
                return JSONResponse({"message": "invalid api token"}, 401)
            case Fault.CUT:
                return StreamingResponse(_once("[{"), headers={"Content-Length": "500"}, media_type="application/json")
            case Fault.DRIPPING:
                return StreamingResponse(_drip(), media_type="application/json")
            case Fault.FLOOD:
                return StreamingResponse(_flood(), media_type="application/json")
            case Fault.REDIRECTED:
                return Response(status_code=307, headers={"Location": "http://127.0.0.1:9/elsewhere"})
            case Fault.HTML:
                return Response("<html>not what you asked for</html>", media_type="application/json")
            case Fault.OTHER_JSON:
                return JSONResponse({"message": "hello"})
            case _:
                return None

    def _fine(self, asked: dict[str, Any]) -> tuple[object, int]:
        del asked
        return {"models": []}, 200

    def _tei(self, asked: dict[str, Any]) -> tuple[object, int]:
        if len(asked["texts"]) > TEI_BATCH:
            return {"error": f"batch size > maximum allowed batch size {TEI_BATCH}", "error_type": "Validation"}, 413
        return self._ranks(asked["query"], asked["texts"], len(asked["texts"]), "score"), 200

    def _cohere(self, asked: dict[str, Any]) -> tuple[object, int]:
        if "model" not in asked:
            return {"message": "invalid request: model is required"}, 400
        ranks = self._ranks(asked["query"], asked["documents"], asked.get("top_n", 10**9), "relevance_score")
        return {"id": "1", "results": ranks, "meta": {"api_version": {"version": "2"}}}, 200

    def _ranks(self, query: str, texts: list[str], top_n: int, name: str) -> list[dict[str, Any]]:
        overlaps = [(_overlap(self.words or query, text), place) for place, text in enumerate(texts)]
        scored = sorted(overlaps, key=lambda item: -item[0])
        ranks: list[dict[str, Any]] = [{"index": place, name: score} for score, place in scored[:top_n]]
        match self.fault:
            case Fault.TWICE:
                ranks[-1]["index"] = ranks[0]["index"]
            case Fault.OUT_OF_RANGE:
                ranks[-1]["index"] = len(texts)
            case Fault.NEGATIVE:
                ranks[-1]["index"] = -1
            case Fault.TOO_FEW:
                ranks.pop()
            case Fault.NOT_A_NUMBER:
                ranks[0][name] = float("nan")
            case Fault.WORD:
                ranks[0][name] = "high"
            case _:
                pass
        return ranks


def _overlap(query: str, text: str) -> float:
    words, present = query.casefold().split(), set(text.casefold().split())
    return sum(word in present for word in words) / len(words) if words else 0.0


async def _once(text: str) -> AsyncIterator[str]:
    yield text


async def _drip() -> AsyncIterator[str]:
    while True:
        yield " "
        await asyncio.sleep(0.02)


async def _flood() -> AsyncIterator[bytes]:
    while True:
        yield b" " * 1_000_000
        await asyncio.sleep(0)
