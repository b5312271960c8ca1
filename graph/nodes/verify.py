"""Node: answer -> answer that cites, or none."""

from __future__ import annotations

import structlog
from langgraph.runtime import Runtime

from core.events import RefusalReason, ReplacedEvent, Stage, StageEvent
from graph.context import GraphContext
from graph.state import AnswerState

log = structlog.get_logger(__name__)


async def verify(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Take an answer back that rests on no passage at all.

    Reads ``answer`` and ``cited``; writes ``refusal`` when nothing was cited. Single sentences were held against their
    passages before they were shown.
    """
    context = runtime.context
    await context.emit(StageEvent(stage=Stage.VERIFY))
    if state.get("cited"):
        return {}
    log.info("uncited_answer_withdrawn")
    await context.emit(ReplacedEvent(text="", reason="The answer named no source."))
    return {"refusal": RefusalReason.NOT_IN_DOCUMENTS}
