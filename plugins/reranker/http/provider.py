"""How are candidates ranked by a service somewhere else?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable, Sequence

from pydantic import ValidationError

from core.errors import ProviderError, ProviderRateLimitError
from core.types import Candidate, Health, PluginStatus
from plugins.interfaces import PluginContext
from plugins.reranker.http.options import HttpRerankerOptions
from plugins.reranker.http.shapes import CohereShape, Shape, TeiShape
from plugins.reranker.ranking import encodable, passage_of, ranked
from plugins.vendors.upstream import translated

SERVICE = "The rerank service"
MAX_ANSWER_BYTES = 8_000_000
_HEALTH_TIMEOUT_S = 4.0


class HttpReranker:
    """Splits what is too much for one request, and merges the scores."""

    Options = HttpRerankerOptions

    def __init__(self, options: HttpRerankerOptions, context: PluginContext) -> None:
        self._options = options
        self._http = context.http
        self._shape: Shape = TeiShape() if options.shape == "tei" else CohereShape(options.model)
        self._limit = options.batch_limit or self._shape.batch_limit
        base = options.url.rstrip("/")
        self._address = base + (options.path or self._shape.path)
        self._health_address = base + self._shape.health_path
        key = options.api_key.get_secret_value()
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    async def start(self) -> None:
        """Nothing to load; the HTTP client is shared."""

    async def close(self) -> None:
        """Nothing to release."""

    async def health_check(self) -> Health:
        started = time.perf_counter()
        try:
            with translated(SERVICE):
                async with asyncio.timeout(_HEALTH_TIMEOUT_S):
                    answer = await self._http.get(
                        self._health_address, headers=self._headers, timeout=_HEALTH_TIMEOUT_S, follow_redirects=False
                    )
                # Some services list nothing there and rank all the same; that they answer is what counts.
                if answer.status_code not in (404, 405):
                    answer.raise_for_status()
        except ProviderRateLimitError as error:
            return Health(PluginStatus.DEGRADED, str(error))
        except ProviderError as error:
            return Health(PluginStatus.BROKEN, str(error))
        return Health(PluginStatus.HEALTHY, latency_ms=(time.perf_counter() - started) * 1000)

    async def rerank(self, query: str, chunks: Sequence[Candidate], top_k: int) -> list[Candidate]:
        if not chunks or top_k < 1:
            return []
        query, passages = encodable(query), [passage_of(candidate) for candidate in chunks]
        scores: dict[int, float] = {}
        starts = iter(range(0, len(passages), self._limit))

        async def work() -> None:
            for start in starts:
                scores.update(await self._ask(query, passages[start : start + self._limit], start, top_k))

        try:
            with translated(SERVICE):
                async with asyncio.timeout(self._options.timeout_s):
                    await _together(work() for _ in range(self._options.concurrency))
        except ValidationError:
            # Its words quote what came, which may be a passage; they go no further.
            raise _nonsense("something else than a ranking") from None
        return ranked(chunks, scores, top_k, SERVICE)

    async def _ask(self, query: str, texts: Sequence[str], start: int, top_k: int) -> dict[int, float]:
        top_n = min(top_k, len(texts))
        found = self._shape.read(await self._answer(self._shape.asked(query, texts, top_n)))
        positions = [index for index, _ in found]
        if len(set(positions)) < len(positions):
            raise _nonsense("the same passage twice")
        if any(index >= len(texts) for index in positions):
            raise _nonsense("a passage that was not asked about")
        if len(positions) < top_n:
            raise _nonsense("fewer passages than asked for")
        return {start + index: score for index, score in found}

    async def _answer(self, body: object) -> bytes:
        async with self._http.stream(
            "POST",
            self._address,
            json=body,
            headers=self._headers,
            timeout=self._options.timeout_s,
            # They would carry passages to a host that nobody agreed to.
            follow_redirects=False,
        ) as answer:
            answer.raise_for_status()
            received = bytearray()
            async for piece in answer.aiter_bytes():
                received += piece
                if len(received) > MAX_ANSWER_BYTES:
                    raise _nonsense("more than a ranking can be")
            return bytes(received)


async def _together(calls: Iterable[Coroutine[None, None, None]]) -> None:
    """Run all; the first failure ends the others and is raised by itself."""
    try:
        async with asyncio.TaskGroup() as workers:
            for call in calls:
                workers.create_task(call)
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


def _nonsense(what: str) -> ProviderError:
    return ProviderError(f"{SERVICE} answered with {what}.", next_step="Check its address, shape and version.")
