"""Which server stands in for Azure OpenAI? One that speaks its data plane, API version 2024-10-21."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.servers.model_server import event
from tests.servers.openai_server import OpenAIServer

API_VERSION = "2024-10-21"
DEPLOYMENT = "team-deployment"
KEY = "sk-test"


class AzureServer(OpenAIServer):
    """``POST /openai/deployments/{deployment}/chat/completions`` and ``GET /openai/models``, both with api-version.

    As at Azure, the first event of a stream holds no choice but the filter's verdict on the prompt.
    """

    filters = False
    """Whether the content filter refuses every prompt."""

    def routes(self) -> list[Route]:
        return [
            Route("/openai/deployments/{deployment}/chat/completions", self.complete, methods=["POST"]),
            Route("/openai/models", self.models, methods=["GET"]),
        ]

    async def complete(self, request: Request) -> Response:
        refusal = self._version_refusal(request)
        if refusal is None and request.path_params["deployment"] != DEPLOYMENT:
            refusal = _refused(404, "DeploymentNotFound", "The API deployment for this resource does not exist.")
        if refusal is None and self.filters:
            refusal = _refused(400, "content_filter", "The response was filtered.")
        return refusal or await super().complete(request)

    async def models(self, request: Request) -> JSONResponse:
        return self._version_refusal(request) or await super().models(request)

    async def events(self) -> AsyncIterator[str]:
        verdict = {"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}
        yield event(
            {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": [verdict]}
        )
        async for each in super().events():
            yield each

    def error(self, status: int, kind: str) -> dict[str, Any]:
        return {"error": {"code": str(status) if status < 500 else kind, "message": f"status {status}"}}

    def _version_refusal(self, request: Request) -> JSONResponse | None:
        if request.query_params.get("api-version") != API_VERSION:
            return JSONResponse({"error": {"code": "404", "message": "Resource not found"}}, 404)
        if request.headers.get("api-key") != KEY:
            return _refused(401, "401", "Access denied due to invalid subscription key.")
        return None


def _refused(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status)
