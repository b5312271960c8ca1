"""Which server stands in for Anthropic? One that speaks messages, version 2026-10-21 (streamed and whole)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.servers.model_server import WORDS, Fault, ModelServer, event

PROTOCOL = "2026-10-21"
"""What the locked client sends as ``anthropic-version``."""
MODEL = "foundry-test-1"


class AnthropicServer(ModelServer):
    """``POST /v1/messages`` and ``GET /v1/models``."""

    @property
    def base_url(self) -> str:
        return self.address

    def routes(self) -> list[Route]:
        return [
            Route("/v1/messages", self.complete, methods=["POST"]),
            Route("/v1/models", self.models, methods=["GET"]),
        ]

    async def models(self, request: Request) -> JSONResponse:
        self.headers = dict(request.headers)
        if self.fault is Fault.BROKEN:
            return JSONResponse(self.error(500, "api_error"), 500)
        return JSONResponse({"data": [], "has_more": False, "first_id": None, "last_id": None})

    def error(self, status: int, kind: str) -> dict[str, Any]:
        return {"type": "error", "error": {"type": kind, "message": f"status {status}"}}

    def whole(self) -> dict[str, Any]:
        return {
            **_message(input_tokens=100, output_tokens=20),
            "content": [{"type": "text", "text": "".join(WORDS)}],
            "stop_reason": "end_turn",
        }

    async def events(self) -> AsyncIterator[str]:
        yield _named("message_start", message=_message(input_tokens=100, output_tokens=1))
        yield _named("content_block_start", index=0, content_block={"type": "text", "text": ""})
        yield _named("ping")
        number = 0
        async for word in self.words():
            if number == 2 and self.fault is Fault.ERROR_INSIDE:
                yield event(self.error(529, "overloaded_error"), "error")
                return
            yield _named("content_block_delta", index=0, delta={"type": "text_delta", "text": word})
            number += 1
        yield _named("content_block_stop", index=0)
        yield _named(
            "message_delta",
            delta={"stop_reason": "end_turn", "stop_sequence": None},
            usage={"output_tokens": 20},
        )
        yield _named("message_stop")


def _message(**usage: int) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def _named(kind: str, **fields: Any) -> str:
    return event({"type": kind, **fields}, kind)
