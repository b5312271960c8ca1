"""Does a plugin keep the contract of its kind, as far as can be seen without its vendor?

For tests of plugins outside this repository; ours are held against larger suites in ``tests/contracts``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import numpy as np

from core.errors import AuthenticationError, ConfigurationError, ValidationError
from core.types import (
    Candidate,
    Chunk,
    CompletionRequest,
    CompletionResponse,
    Grounding,
    Health,
    Message,
    Passage,
    VectorFilter,
    VectorPayload,
)
from plugins.framework.manifest import Kind
from plugins.framework.signatures import problems

HEALTH_TIMEOUT_S = 5.0
_TEXTS = ("The pump stops at 60 degrees.", "Добро пожаловать", "空", "The pump stops at 60 degrees.")


class ContractError(AssertionError):
    """The plugin does not do what its interface promises."""


async def verify(kind: Kind, plugin: Any) -> None:
    """Start the plugin, try what its kind promises, and close it twice.

    Raises:
        ContractError: A promise is not kept; says which.
    """
    wrong = problems(kind, plugin)
    _require(not wrong, "; ".join(wrong))
    await plugin.start()
    try:
        async with asyncio.timeout(HEALTH_TIMEOUT_S):
            health = await plugin.health_check()
        _require(isinstance(health, Health), f"health_check() returned {type(health).__name__}, not Health")
        check = _CHECKS.get(kind)
        if check is not None:
            await check(plugin)
    finally:
        await plugin.close()
        await plugin.close()


async def _llm(plugin: Any) -> None:
    models = plugin.get_supported_models()
    _require(isinstance(models, tuple) and bool(models), "get_supported_models() must name a default")
    _require(plugin.calculate_cost(1000, 1000, models[0]) >= 0, "calculate_cost() is negative")
    question = "At how many degrees does the pump stop?"
    request = CompletionRequest(
        messages=(Message(role="user", content=f"[1] {_TEXTS[0]}\n{question}"),),
        model=models[0],
        grounding=Grounding(question=question, passages=(Passage(number=1, text=_TEXTS[0], language="en", score=1),)),
    )
    whole = await plugin.complete(request)
    _require(isinstance(whole, CompletionResponse), "complete() without stream must return a CompletionResponse")
    _require(whole.cost_usd >= 0, "a call costs less than nothing")
    stream = await plugin.complete(request.model_copy(update={"stream": True}))
    said = "".join([piece async for piece in stream])
    _require(said == stream.response.text, "the pieces of a stream are not the text of its response")
    stopped = await plugin.complete(request.model_copy(update={"stream": True}))
    await stopped.aclose()
    _require(isinstance(stopped.response, CompletionResponse), "a closed stream has no response")


async def _embedding(plugin: Any) -> None:
    size = plugin.get_dimension()
    none = await plugin.embed_batch([])
    _require(np.shape(none) == (0, size), f"no texts give the shape {np.shape(none)}, not (0, {size})")
    vectors = await plugin.embed_batch(list(_TEXTS), 2)
    _require(np.shape(vectors) == (len(_TEXTS), size), f"{len(_TEXTS)} texts give the shape {np.shape(vectors)}")
    _require(bool(np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)), "vectors are not normalised")
    _require(bool(np.allclose(vectors[0], vectors[3], atol=1e-3)), "the order of the texts is not kept")
    _require(np.shape(await plugin.embed_text("")) == (size,), "embed_text('') has another shape")
    spans = plugin.token_spans(_TEXTS[0])
    _require(bool(spans), "token_spans() finds nothing in a sentence")
    _require(all(0 <= a <= b <= len(_TEXTS[0]) for a, b in spans), "token_spans() lie outside the text")
    _require(bool(plugin.model_name) and plugin.max_tokens > 0, "model_name and max_tokens must say something")


async def _reranker(plugin: Any) -> None:
    _require(await plugin.rerank("pump", [], 5) == [], "nothing reranked is not nothing")
    candidates = [Candidate(_chunk(text), 0.5) for text in _TEXTS]
    ranked = await plugin.rerank("When does the pump stop?", candidates, 2)
    _require(len(ranked) == 2, f"top_k=2 gives {len(ranked)}")
    known = {candidate.chunk.id for candidate in candidates}
    _require(len({c.chunk.id for c in ranked} & known) == 2, "reranking invents or repeats candidates")


async def _cache(plugin: Any) -> None:
    prefix = f"contract:{uuid4()}:"
    _require(await plugin.get(prefix) is None, "an unknown key has a value")
    await plugin.set(f"{prefix}a", b"\x00\xff", 60)
    _require(await plugin.get(f"{prefix}a") == b"\x00\xff", "a kept value comes back changed")
    _require(await plugin.exists(f"{prefix}a"), "a kept value does not exist")
    _require(await plugin.delete(f"{prefix}a") and not await plugin.delete(f"{prefix}a"), "delete() does not tell")
    await plugin.set(f"{prefix}b", b"1", 60)
    await plugin.set(f"{prefix}c", b"2", 60)
    _require(await plugin.clear(f"{prefix}*") == 2, "clear() does not count what it forgets")
    _require(not await plugin.exists(f"{prefix}b"), "a cleared value is still there")


async def _rate_limiter(plugin: Any) -> None:
    key = f"contract:{uuid4()}"
    decisions = [await plugin.check_rate_limit(key, 2, 3600) for _ in range(3)]
    _require([bool(decision) for decision in decisions] == [True, True, False], "2 an hour are not 2")
    _require(decisions[2].retry_after_s > 0, "a refusal does not say when to come again")
    _require(await plugin.get_remaining(key, 2, 3600) == 0, "get_remaining() disagrees")
    _require(bool(await plugin.check_rate_limit(f"{key}-other", 2, 3600)), "keys share a bucket")
    await plugin.reset(key)
    _require(bool(await plugin.check_rate_limit(key, 2, 3600)), "reset() does not fill the bucket")


async def _vector_db(plugin: Any) -> None:
    name, ours, theirs = f"contract_{uuid4().hex[:8]}", uuid4(), uuid4()
    await plugin.create_collection(name, 3)
    await plugin.create_collection(name, 3)
    await _refuses(ConfigurationError, lambda: plugin.create_collection(name, 4), "a collection changes its size")
    vectors = np.eye(3, dtype=np.float32)
    ids = [uuid4() for _ in range(3)]
    document, version = uuid4(), uuid4()
    payloads = [VectorPayload(ours, uuid4(), document, version)] * 3
    for _ in range(2):
        await plugin.upsert(name, vectors, payloads, ids)
    await plugin.upsert(name, vectors[:1], [VectorPayload(theirs, uuid4(), uuid4(), uuid4())], [uuid4()])
    await plugin.upsert(name, vectors[:0], [], [])
    mine = VectorFilter(ours)
    _require(await plugin.count(name, mine) == 3, "the same ids again are stored twice, or a tenant sees another's")
    hits = await plugin.search(name, vectors[0], 10, mine)
    _require(len(hits) == 3, "a search returns another tenant's vectors, or not all")
    _require(hits[0].id == ids[0], "the nearest is not first")
    _require(await plugin.search(name, vectors[0], 10, VectorFilter(ours, frozenset())) == [], "no set means all sets")
    await _refuses(
        ValidationError, lambda: plugin.upsert(name, np.zeros((1, 4)), payloads[:1], ids[:1]), "another size is stored"
    )
    await plugin.delete(name, ids[:1], theirs)
    _require(await plugin.count(name, mine) == 3, "one tenant deletes another's vectors")
    await plugin.delete(name, ids[:1], ours)
    _require(await plugin.count(name, mine) == 2, "a deleted vector is still there")
    await plugin.delete_version(name, version, ours)
    _require(await plugin.count(name, mine) == 0, "a deleted version is still there")


async def _auth(plugin: Any) -> None:
    await _refuses(AuthenticationError, lambda: plugin.validate_token("nonsense"), "any token is valid")
    await _refuses(AuthenticationError, lambda: plugin.authenticate({}), "nobody is somebody")
    await _refuses(AuthenticationError, lambda: plugin.refresh_token("nonsense"), "any token can be refreshed")
    await plugin.revoke_token("nonsense")


_CHECKS: dict[Kind, Callable[[Any], Awaitable[None]]] = {
    "llm": _llm,
    "embedding": _embedding,
    "reranker": _reranker,
    "cache": _cache,
    "rate_limiter": _rate_limiter,
    "vector_db": _vector_db,
    "auth": _auth,
}
"""Parsers and notifiers have nothing that could be tried on all of them."""


async def _refuses(error: type[Exception], call: Callable[[], Awaitable[object]], otherwise: str) -> None:
    try:
        await call()
    except error:
        return
    raise ContractError(otherwise)


def _chunk(text: str) -> Chunk:
    return Chunk(
        id=uuid4(),
        document_id=uuid4(),
        version_id=uuid4(),
        version_number=1,
        filename="contract.txt",
        mime_type="text/plain",
        content=text,
        page=1,
        char_start=0,
        char_end=len(text),
    )


def _require(kept: bool, otherwise: str) -> None:
    if not kept:
        raise ContractError(otherwise)
