"""Does every reranker keep the contract?"""

from __future__ import annotations

from uuid import uuid4

from core.types import Candidate, Chunk, PluginStatus
from plugins.interfaces import Plugin, PluginContext
from plugins.reranker.none import NoReranker


def _candidate(score: float) -> Candidate:
    chunk = Chunk(
        id=uuid4(),
        document_id=uuid4(),
        version_id=uuid4(),
        version_number=1,
        filename="a.md",
        mime_type="text/markdown",
        content="text",
        page=1,
        char_start=0,
        char_end=4,
    )
    return Candidate(chunk, score)


async def test_none_keeps_the_order_and_the_number_asked_for(plugin_context: PluginContext) -> None:
    reranker = NoReranker(NoReranker.Options(), plugin_context)
    assert isinstance(reranker, Plugin)
    await reranker.start()
    candidates = [_candidate(score) for score in (0.9, 0.5, 0.7)]
    assert await reranker.rerank("q", candidates, 2) == candidates[:2]
    assert await reranker.rerank("q", candidates, 10) == candidates
    assert await reranker.rerank("q", [], 3) == []
    assert (await reranker.health_check()).status is PluginStatus.HEALTHY
    await reranker.close()
