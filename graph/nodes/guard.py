"""Node: question -> question, or a refusal."""

from __future__ import annotations

import structlog
from langgraph.runtime import Runtime

from core.events import NoticeEvent, NoticeKind, RefusalReason, Stage, StageEvent
from graph import injection
from graph.context import GraphContext
from graph.state import AnswerState

log = structlog.get_logger(__name__)


async def guard(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Look for orders in the question.

    Reads ``question``; writes ``query``, and ``refusal`` when the question plainly tries to change the rules. A milder
    sign is only noted: passages are fenced anyway.
    """
    context = runtime.context
    await context.emit(StageEvent(stage=Stage.GUARD))
    score = injection.score(state["question"])
    changes: AnswerState = {"query": state["question"], "rewrites": 0, "degraded": []}
    if score >= context.settings.block_injection:
        log.warning("question_blocked", score=round(score, 2))
        return {**changes, "refusal": RefusalReason.UNSAFE_QUESTION}
    if score >= context.settings.flag_injection:
        log.info("question_flagged", score=round(score, 2))
        await context.emit(
            NoticeEvent(
                kind=NoticeKind.FLAGGED, text="This question looks like an instruction; it was read as a question."
            )
        )
    return changes
