"""What do the local servers that embed texts share?"""

from __future__ import annotations

import asyncio
import hashlib
from abc import abstractmethod
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.servers.model_server import Fault, ModelServer

DIMENSION = 16


class Embeddings(ModelServer):
    """Vectors made of a text's words: the same words, the same vector; they are not of length 1, as with some models.

    Attributes:
        dimension: Length of the vectors.
        at_once: Most calls that were open at the same time.
        nonsense: What is answered instead of vectors, when it is set.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dimension = DIMENSION
        self.at_once = self._open = 0
        self.nonsense: dict[str, Any] | None = None

    @abstractmethod
    def embedded(self, body: dict[str, Any]) -> Response:
        """The protocol's answer."""

    async def embed(self, request: Request) -> Response:
        """Answer a call for vectors, or misbehave."""
        self.headers = dict(request.headers)
        body = await request.json()
        self.bodies.append(body)
        self.opened += 1
        self._open += 1
        self.at_once = max(self.at_once, self._open)
        try:
            async with self.changed:
                self.changed.notify_all()
            await asyncio.sleep(0)
            if (refusal := self._refusal()) is not None:
                return refusal
            if self.fault is Fault.SILENT:
                await self._until_gone(request)
                return Response(status_code=499)
            return self.embedded(body) if self.nonsense is None else JSONResponse(self.nonsense)
        finally:
            self._open -= 1

    def vector(self, text: str) -> list[float]:
        """Deterministic, and different for different words."""
        numbers = [0.0] * self.dimension
        for word in text.split() or [text]:
            digest = hashlib.sha256(word.encode()).digest()
            for position in range(self.dimension):
                numbers[position] += digest[position % len(digest)] - 127.5
        return numbers
