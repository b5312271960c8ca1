"""Node: evidence -> is there any, and who may see it?"""

from __future__ import annotations

from langgraph.runtime import Runtime

from core.events import RefusalReason, Stage, StageEvent
from graph.context import GraphContext
from graph.evidence import is_near
from graph.quoting import tell_confidential
from graph.state import AnswerState


async def weigh(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Look at what was found before anybody reads it; whether it answers, its reader judges. Nothing far is quoted.

    Reads ``query``, ``evidence``, ``term_idf``, ``rewrites`` and ``searched_documents``; writes ``refusal`` when there
    is nothing to read, ``near``, and ``sought_again``: whether a model shall put the question differently because
    nothing is near. Confidential evidence is announced: it marks the conversation for every question that follows.
    """
    context = runtime.context
    await context.emit(StageEvent(stage=Stage.WEIGH))
    await tell_confidential(context, state["evidence"])
    if not state["searched_documents"]:
        return {"refusal": RefusalReason.NO_DOCUMENTS}
    near = _is_near(state, context)
    if not near and not context.extractive and state.get("rewrites", 0) < context.settings.max_rewrites:
        return {"near": near, "sought_again": True}
    if not state["evidence"] or (context.extractive and not near):
        return {"near": near, "refusal": RefusalReason.NOT_IN_DOCUMENTS}
    return {"near": near, "sought_again": False}


def _is_near(state: AnswerState, context: GraphContext) -> bool:
    least, term_idf = context.settings.min_evidence, state.get("term_idf", {})
    return any(is_near(state["query"], candidate, term_idf, least) for candidate in state["evidence"])
