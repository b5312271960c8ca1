"""Node: candidates -> evidence."""

from __future__ import annotations

import asyncio

import structlog
from langgraph.runtime import Runtime

from core.errors import ProviderError
from core.events import NoticeEvent, NoticeKind, Stage, StageEvent
from core.telemetry import METRICS
from graph.context import GraphContext
from graph.state import AnswerState

log = structlog.get_logger(__name__)

PATIENCE_S = 30.0
"""For any reranker, whatever its own limits are: an answer in search order beats none."""


async def rerank(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Keep the few candidates worth showing to the model.

    Reads ``query`` and ``candidates``; writes ``evidence`` (at most ``rerank_top_k``, best first) and, when the
    reranker is down or may not see confidential passages, ``degraded``: retrieval order is kept and the run is marked.
    """
    context, candidates = runtime.context, state["candidates"]
    await context.emit(StageEvent(stage=Stage.RERANK))
    top_k = context.settings.rerank_top_k
    if context.clearance(candidates).local_only and not context.reranker_local:
        log.info("rerank_skipped", reason="confidential", candidates=len(candidates))
        return await _in_search_order(state, context, "The reranker may not see confidential passages")
    try:
        async with asyncio.timeout(PATIENCE_S):
            with METRICS.retrieval.labels("rerank").time():
                return {"evidence": await context.reranker.rerank(state["query"], candidates, top_k)}
    except TimeoutError:
        log.warning("rerank_skipped", reason="timeout", candidates=len(candidates))
        return await _in_search_order(state, context, "The reranker does not answer")
    except ProviderError as error:
        log.warning("rerank_skipped", reason=error.code, candidates=len(candidates))
        return await _in_search_order(state, context, "The reranker is down")


async def _in_search_order(state: AnswerState, context: GraphContext, why: str) -> AnswerState:
    text = f"{why}; passages are in search order."
    await context.emit(NoticeEvent(kind=NoticeKind.DEGRADED, component="reranker", text=text))
    return {
        "evidence": state["candidates"][: context.settings.rerank_top_k],
        "degraded": [*state.get("degraded", []), "reranker"],
    }
