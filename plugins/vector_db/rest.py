"""How does a vector store with a REST interface answer, and what becomes of its failures?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from core.errors import ProviderError
from plugins.vendors.upstream import translated

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_Model = TypeVar("_Model", bound=BaseModel)


class RestService:
    """Calls of one service over the shared HTTP client, each ended after a timeout, each failure in our words."""

    def __init__(self, service: str, http: httpx.AsyncClient, headers: Mapping[str, str], timeout_s: float) -> None:
        self._service = service
        self._http = http
        self._headers = {"content-type": "application/json", **headers}
        self._timeout_s = timeout_s

    async def sent(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | bytes | None = None,
        *,
        params: Mapping[str, str | Sequence[str]] | None = None,
        timeout_s: float | None = None,
    ) -> httpx.Response:
        """The response, whatever its status.

        Raises:
            ProviderUnavailableError: There was none in time.
        """
        seconds = timeout_s or self._timeout_s
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        with translated(self._service, foreign=True):
            async with asyncio.timeout(seconds):
                # Ours ends a call first.
                return await self._http.request(
                    method, url, content=content, params=params, headers=self._headers, timeout=seconds + 1
                )

    def answer(self, response: httpx.Response) -> Any:
        """The JSON of a response.

        Raises:
            ProviderError: The status is one of failure, or there is no JSON.
        """
        with translated(self._service, foreign=True):
            response.raise_for_status()
            told = response.json()
        if told is None:
            raise self.nonsense()
        return told

    def read(self, model: type[_Model], told: Any) -> _Model:
        """The JSON as a model.

        Raises:
            ProviderError: It does not fit.
        """
        try:
            return model.model_validate(told)
        except ValidationError as error:
            raise self.nonsense() from error

    def nonsense(self) -> ProviderError:
        """What to raise for an answer that means nothing."""
        return ProviderError(f"{self._service} answered with something else than was asked for.")


def unencrypted(address: str) -> bool:
    """Whether what is sent there can be read on the way."""
    parts = urlsplit(address)
    return parts.scheme == "http" and parts.hostname not in _LOOPBACK
