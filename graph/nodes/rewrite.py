"""Node: query that found nothing near -> the same question in other words."""

from __future__ import annotations

import structlog
from langgraph.runtime import Runtime

from core.errors import ProviderError
from core.events import RefusalReason, Stage, StageEvent
from core.types import CompletionRequest, CompletionResponse, Message
from graph.context import GraphContext
from graph.ledger import Ledger
from graph.prompts import load
from graph.state import AnswerState

log = structlog.get_logger(__name__)

LONGEST = 500


async def rewrite(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Have the model put the question differently, for people ask in other words than documents use.

    Reads ``query``, ``evidence``, ``rewrites`` and ``calls``; writes ``rewrites``, ``calls`` and ``sought_again``, with
    ``query`` where the model has other words; ``refusal`` where it has none and nothing at all was found.
    """
    context, ledger = runtime.context, Ledger(state.get("calls", ()))
    await context.emit(StageEvent(stage=Stage.REWRITE))
    changes: AnswerState = {"rewrites": state.get("rewrites", 0) + 1, "sought_again": False}
    try:
        query = await _ask_model(state["query"], context, ledger)
    except ProviderError as error:
        log.warning("rewrite_skipped", reason=error.code)
        query = ""
    if query and query.casefold() != state["query"].casefold():
        await context.emit(StageEvent(stage=Stage.REWRITE, detail=f"Searching for: {query}"))
        changes = {**changes, "query": query, "sought_again": True}
    elif not state["evidence"]:
        changes["refusal"] = RefusalReason.NOT_IN_DOCUMENTS
    return {**changes, "calls": ledger.calls}


async def _ask_model(query: str, context: GraphContext, ledger: Ledger) -> str:
    """Other words for a query; empty when the model has none that could be searched for."""
    request = CompletionRequest(
        messages=(Message(role="system", content=load("rewrite").text), Message(role="user", content=query)),
        model=context.settings.model,
        temperature=0,
        max_tokens=200,
        clearance=context.clearance(),
    )
    response = await context.llm.complete(request, ledger)
    text = " ".join(response.text.split()) if isinstance(response, CompletionResponse) else ""
    return text if len(text) <= LONGEST else ""
