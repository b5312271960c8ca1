"""Node: evidence -> is it enough?"""

from __future__ import annotations

from langgraph.runtime import Runtime

from core.events import NoticeEvent, NoticeKind, RefusalReason, Stage, StageEvent
from graph.context import GraphContext
from graph.evidence import evidence_score
from graph.state import AnswerState


async def weigh(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Judge without a model whether the evidence can answer.

    Reads ``query``, ``evidence`` and ``term_idf``; writes ``evidence_score`` (0–1) and, when it is below the threshold,
    ``refusal``. Confidential evidence is announced: it marks the conversation for every question that follows.
    """
    context = runtime.context
    await context.emit(StageEvent(stage=Stage.WEIGH))
    if any(candidate.chunk.confidential for candidate in state["evidence"]):
        text = "Confidential passages were found: from here on only local models see this conversation."
        await context.emit(NoticeEvent(kind=NoticeKind.CONFIDENTIAL, component="llm", text=text))
    if not state["searched_documents"]:
        return {"evidence_score": 0.0, "refusal": RefusalReason.NO_DOCUMENTS}
    score = evidence_score(state["query"], state["evidence"], state.get("term_idf", {}))
    if score >= context.settings.min_evidence:
        return {"evidence_score": score}
    return {"evidence_score": score, "refusal": RefusalReason.NOT_IN_DOCUMENTS}
