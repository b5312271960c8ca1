"""How is a call made to an Ollama server, and what do its refusals mean?

Protocol: the native API under ``/api`` of Ollama 0.12: JSON bodies, streams as one JSON object a line, errors as
``{"error": "…"}`` with a status, or alone on a line of a stream that has begun.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.errors import ProviderError
from plugins.vendors.upstream import translated

if TYPE_CHECKING:
    import httpx

SERVICE = "Ollama"
CHAT, EMBED = "/api/chat", "/api/embed"


class OllamaServer:
    """The calls that language models and embeddings of one server share; the HTTP client is somebody else's."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, api_key: str, timeout_s: float) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout_s = timeout_s

    async def opened(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        """The answer to a POST with its headers read and its body not; whoever asked closes it.

        Raises:
            ProviderError: And its subclasses; refused, silent or away.
        """
        with translated(SERVICE):
            request = self._http.build_request(
                "POST", f"{self._base_url}{path}", json=body, headers=self._headers, timeout=self._timeout_s
            )
            # No redirects: they would carry passages to a host that nobody agreed to.
            response = await self._http.send(request, stream=True, follow_redirects=False)
            if not response.is_success:
                await response.aclose()
                self._refuse(response, path, str(body.get("model", "")))
            return response

    async def posted(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The whole answer to a POST."""
        response = await self.opened(path, body)
        try:
            with translated(SERVICE):
                await response.aread()
                return mapping(response.json())
        finally:
            await response.aclose()

    async def models(self, *, timeout_s: float | None = None) -> tuple[str, ...]:
        """Names of the models that were pulled (``GET /api/tags``)."""
        with translated(SERVICE):
            response = await self._http.get(
                f"{self._base_url}/api/tags",
                headers=self._headers,
                timeout=timeout_s or self._timeout_s,
                follow_redirects=False,
            )
            response.raise_for_status()
            listed = mapping(response.json()).get("models") or ()
        return tuple(str(model["name"]) for model in listed if isinstance(model, dict) and model.get("name"))

    async def lacks(self, model: str, *, timeout_s: float) -> bool:
        """Whether the model was not pulled; a name without a tag means ``latest``."""
        named = model if ":" in model.rpartition("/")[2] else f"{model}:latest"
        return named not in await self.models(timeout_s=timeout_s)

    def _refuse(self, response: httpx.Response, path: str, model: str) -> None:
        if response.status_code == 404 and model:
            raise not_pulled(model)
        if response.status_code == 400 and path == EMBED:
            raise ProviderError(
                f"{SERVICE} refused a text, most likely because it is longer than the model's window.",
                next_step="Set max_tokens to that window, or lower.",
            )
        response.raise_for_status()


def not_pulled(model: str) -> ProviderError:
    """What to say about a model that the server does not have."""
    return ProviderError(f"{SERVICE} has no model {model}.", next_step=f"Run: ollama pull {model}")


def mapping(answer: object) -> dict[str, Any]:
    """The answer, if it is a JSON object.

    Raises:
        ProviderError: It is something else.
    """
    if not isinstance(answer, dict):
        raise ProviderError(f"{SERVICE} answered with something that is not an answer.", next_step="Check its address.")
    return answer
