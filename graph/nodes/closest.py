"""Node: refusal -> the passages that come closest, if any does."""

from __future__ import annotations

from langgraph.runtime import Runtime

from core.events import CitationEvent, ClosestEvent, RefusalReason, TokenEvent
from core.text import links
from graph.citations import CitationBook
from graph.context import GraphContext
from graph.ledger import Ledger
from graph.nearness import nearest
from graph.state import AnswerState

INTRODUCTION = "Nothing here says this outright. These passages come closest:"
ONE = "Nothing here says this outright. This passage comes closest:"


async def closest(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Show up to three passages that speak of the question, each with its best sentence, and never as an answer.

    Reads ``refusal``, ``query``, ``evidence``, ``term_idf`` and ``calls``, whose usage is told; writes ``answer`` and
    ``cited``, and nothing when no passage is near or something else than the search decided.
    """
    if state["refusal"] is not RefusalReason.NOT_IN_DOCUMENTS:
        return {}
    context = runtime.context
    evidence, emit = state.get("evidence", []), context.emit
    near = await nearest(
        state["query"], evidence, state.get("term_idf", {}), context.settings.min_evidence, context.embedding
    )
    if not near:
        return {}
    if usage := Ledger(state.get("calls", ())).usage():
        await emit(usage)
    text = INTRODUCTION if len(near) > 1 else ONE
    await emit(ClosestEvent(text=text))
    book = CitationBook(evidence)
    for passage in near:
        quoted, _, citations = book.rewrite(f"{passage.quote} [{passage.number}]")
        for citation in citations:
            await emit(CitationEvent(citation=citation))
        shown = f"\n\n> {links.inert(quoted, runtime.context.settings.link_hosts)}"
        text += shown
        await emit(TokenEvent(text=shown))
    return {"answer": text, "cited": len(book), "calls": []}
