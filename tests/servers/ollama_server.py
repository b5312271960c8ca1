"""Which server stands in for Ollama? One that speaks its native API as of version 0.12 (chat, embed, tags)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.servers.embeddings import Embeddings
from tests.servers.model_server import WORDS, Fault

MODEL = "foundry-test-1"
WINDOW = 200
"""Signs an embedded text may have; more is refused unless the call allows cutting it off."""


class OllamaServer(Embeddings):
    """``POST /api/chat``, ``POST /api/embed`` and ``GET /api/tags``; streams are one JSON object a line."""

    media_type = "application/x-ndjson"
    pulled: tuple[str, ...] = (f"{MODEL}:latest",)

    @property
    def base_url(self) -> str:
        return self.address

    def routes(self) -> list[Route]:
        return [
            Route("/api/chat", self.complete, methods=["POST"]),
            Route("/api/embed", self.embed, methods=["POST"]),
            Route("/api/tags", self.models, methods=["GET"]),
        ]

    async def complete(self, request: Request) -> Response:
        return await self._absent(request) or await super().complete(request)

    async def embed(self, request: Request) -> Response:
        return await self._absent(request) or await super().embed(request)

    async def models(self, request: Request) -> JSONResponse:
        self.headers = dict(request.headers)
        if self.fault is Fault.BROKEN:
            return JSONResponse(self.error(500, ""), 500)
        details = {"format": "gguf", "family": "llama", "parameter_size": "3.2B", "quantization_level": "Q4_K_M"}
        listed = [{"name": name, "model": name, "size": 1, "digest": "0", "details": details} for name in self.pulled]
        return JSONResponse({"models": listed})

    def asked(self, number: int) -> dict[str, Any]:
        body = self.bodies[number]
        options = body["options"]
        return {
            "model": body["model"],
            "max_tokens": options["num_predict"],
            "temperature": options["temperature"],
        }

    def error(self, status: int, kind: str) -> dict[str, Any]:
        return {"error": f"status {status}"}

    def whole(self) -> dict[str, Any]:
        return {**_said("".join(WORDS)), **self._end()}

    async def events(self) -> AsyncIterator[str]:
        number = 0
        async for word in self.words():
            if number == 2 and self.fault is Fault.ERROR_INSIDE:
                yield _line({"error": "an error was encountered while running the model"})
                return
            yield _line(_said(word))
            number += 1
        yield _line({**_said(""), **self._end()})

    def embedded(self, body: dict[str, Any]) -> Response:
        texts = body["input"]
        if not body.get("truncate", True) and any(len(text) > WINDOW for text in texts):
            return JSONResponse({"error": "the input length exceeds the context length"}, 400)
        vectors = [self.vector(text) for text in texts]
        return JSONResponse({"model": MODEL, "embeddings": vectors, "total_duration": 1, "prompt_eval_count": 1})

    async def _absent(self, request: Request) -> Response | None:
        model = (await request.json())["model"]
        if model in (MODEL, *self.pulled):
            return None
        return JSONResponse({"error": f'model "{model}" not found, try pulling it first'}, 404)

    def _end(self) -> dict[str, Any]:
        durations = {"total_duration": 5, "load_duration": 1, "prompt_eval_duration": 2, "eval_duration": 2}
        counts = {} if self.fault is Fault.NO_USAGE else {"prompt_eval_count": 100, "eval_count": 20}
        return {"done": True, "done_reason": "stop", **durations, **counts}


def _said(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"model": MODEL, "created_at": "2026-01-31T12:00:00Z", "message": message, "done": False}


def _line(data: dict[str, Any]) -> str:
    return json.dumps(data) + "\n"
