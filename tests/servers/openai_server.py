"""Which server stands in for OpenAI? One that speaks chat completions and embeddings as of API version v1."""

from __future__ import annotations

import base64
import struct
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.servers.embeddings import Embeddings
from tests.servers.model_server import WORDS, Fault, event

MODEL = "foundry-test-1"


class OpenAIServer(Embeddings):
    """``POST /v1/chat/completions``, ``POST /v1/embeddings`` and ``GET /v1/models``.

    Attributes:
        reversed: Whether vectors come in another order than the texts; only their ``index`` tells.
    """

    reversed = False

    @property
    def base_url(self) -> str:
        return f"{self.address}/v1"

    def routes(self) -> list[Route]:
        return [
            Route("/v1/chat/completions", self.complete, methods=["POST"]),
            Route("/v1/embeddings", self.embed, methods=["POST"]),
            Route("/v1/models", self.models, methods=["GET"]),
        ]

    async def models(self, request: Request) -> JSONResponse:
        self.headers = dict(request.headers)
        if self.fault is Fault.BROKEN:
            return JSONResponse(self.error(500, "api_error"), 500)
        return JSONResponse(
            {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": ""}]}
        )

    def error(self, status: int, kind: str) -> dict[str, Any]:
        return {"error": {"message": f"status {status}", "type": kind, "param": None, "code": None}}

    def whole(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": "".join(WORDS)}
        answer = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        }
        return answer if self.fault is Fault.NO_USAGE else {**answer, "usage": _USAGE}

    def embedded(self, body: dict[str, Any]) -> Response:
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        if len(texts) > 2048 or not all(isinstance(text, str) and text for text in texts):
            return JSONResponse(self.error(400, "invalid_request_error"), 400)
        encoding = body.get("encoding_format", "float")
        found = [_embedding(i, self.vector(text)[: body.get("dimensions")], encoding) for i, text in enumerate(texts)]
        data = found[::-1] if self.reversed else found
        return JSONResponse({"object": "list", "model": MODEL, "data": data, "usage": _USAGE})

    async def events(self) -> AsyncIterator[str]:
        yield _chunk([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
        async for number, word in _numbered(self.words()):
            if number == 2 and self.fault is Fault.ERROR_INSIDE:
                yield event(self.error(500, "server_error"))
                return
            yield _chunk([{"index": 0, "delta": {"content": word}, "finish_reason": None}])
        yield _chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        if self.bodies[-1].get("stream_options", {}).get("include_usage") and self.fault is not Fault.NO_USAGE:
            yield _chunk([], usage=_USAGE)
        yield "data: [DONE]\n\n"


def _embedding(number: int, vector: list[float], encoding: str) -> dict[str, Any]:
    packed = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    return {"object": "embedding", "index": number, "embedding": packed if encoding == "base64" else vector}


_USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


def _chunk(choices: list[dict[str, Any]], **more: Any) -> str:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": MODEL}
    return event({**head, "choices": choices, **more})


async def _numbered(words: AsyncIterator[str]) -> AsyncIterator[tuple[int, str]]:
    number = 0
    async for word in words:
        yield number, word
        number += 1
