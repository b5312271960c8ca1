"""Node: answer -> answer that rests on passages, or none."""

from __future__ import annotations

import structlog
from langgraph.runtime import Runtime

from core.events import NoticeEvent, NoticeKind, RefusalReason, Stage, StageEvent
from graph.context import GraphContext
from graph.state import AnswerState
from graph.writing import answer_request, begin, write

log = structlog.get_logger(__name__)

QUOTED = (
    "What the language model wrote stands in none of the passages: these are the best matching sentences, "
    "word for word."
)


async def verify(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Quote the best sentences where no passage carries anything that the model wrote; of that nothing was shown.

    Reads ``cited``, ``question``, ``query``, ``evidence`` and ``calls``; when nothing was cited, writes ``answer``,
    ``cited`` and ``degraded``, or ``refusal`` when there is nothing to quote either, and empties ``calls``.
    """
    context = runtime.context
    await context.emit(StageEvent(stage=Stage.VERIFY))
    if state.get("cited"):
        return {}
    log.info("answer_held_back")
    if context.fallback is None or not state.get("near", True):
        return {"refusal": RefusalReason.NOT_IN_DOCUMENTS}
    draft = await begin(state, context, quotes=True)
    try:
        await write(answer_request(state, context), context.fallback, draft)
    finally:
        await draft.tell_usage()
    if not draft.releaser.text:
        return {"refusal": RefusalReason.NOT_IN_DOCUMENTS, "calls": []}
    await context.emit(NoticeEvent(kind=NoticeKind.DEGRADED, component="llm", text=QUOTED))
    return {
        "answer": draft.releaser.text,
        "cited": draft.releaser.cited,
        "degraded": [*state.get("degraded", []), "llm"],
        "calls": [],
    }
