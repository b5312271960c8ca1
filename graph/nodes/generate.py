"""Node: evidence -> answer, released sentence by sentence."""

from __future__ import annotations

import structlog
from langgraph.runtime import Runtime

from core.errors import ProviderError, ProviderNotAllowedError
from core.events import NoticeEvent, NoticeKind, RefusalReason, Stage, StageEvent
from graph.context import GraphContext
from graph.draft import Draft
from graph.state import AnswerState
from graph.writing import answer_request, begin, write

log = structlog.get_logger(__name__)

NO_MODEL = (
    "No language model is configured: these are the best matching sentences, word for word; "
    "whether they answer the question is yours to judge."
)

QUOTED = "These are the best matching sentences, word for word."


async def generate(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Write the answer from the evidence.

    Reads ``question``, ``query``, ``evidence`` and ``calls``; writes ``answer`` and ``cited``, or ``refusal`` when the
    model finds no answer in them or no model may see them, and empties ``calls``, for their usage is told here. When
    all models fail, before or amid their answer, the best sentences are quoted instead and the run is marked. When no
    passage carries a word of the model, ``answer`` is empty and ``calls`` are told later. What a passage orders is no
    ground for a sentence.
    """
    context = runtime.context
    await context.emit(StageEvent(stage=Stage.GENERATE))
    draft = await begin(state, context, quotes=context.extractive)
    changes: AnswerState = {"calls": []}
    told_later = False
    try:
        changes |= await _written(state, context, draft)
        told_later = not draft.releaser.text and "refusal" not in changes
    finally:
        # Also when the answer is stopped or fails: what was used was paid for.
        if not told_later:
            await draft.tell_usage()
    if "refusal" in changes:
        return changes
    if told_later:
        changes["calls"] = draft.calls
    elif context.extractive:
        await context.emit(NoticeEvent(kind=NoticeKind.NO_MODEL, component="llm", text=NO_MODEL))
    await draft.tell_gaps()
    return {**changes, "answer": draft.releaser.text, "cited": draft.releaser.cited}


async def _written(state: AnswerState, context: GraphContext, draft: Draft) -> AnswerState:
    """Have the answer written, or quoted when no model does; what changed by it."""
    changes: AnswerState = {}
    try:
        await write(answer_request(state, context), context.llm, draft)
    except ProviderError as error:
        if context.fallback is None:
            if not isinstance(error, ProviderNotAllowedError):
                raise
            return {"refusal": RefusalReason.CONFIDENTIAL if error.confidential else RefusalReason.MODEL_NOT_ALLOWED}
        log.warning("model_failed", reason=error.code)
        changes = {"degraded": [*state.get("degraded", []), "llm"]}
        await draft.begin_anew("The model broke off.", quotes=True)
        near = state.get("near", True)
        text = f"{_failure(error)} {QUOTED if near else ''}".strip()
        await context.emit(NoticeEvent(kind=NoticeKind.DEGRADED, component="llm", text=text))
        if not near:
            return {**changes, "refusal": RefusalReason.NOT_IN_DOCUMENTS}
        await write(answer_request(state, context), context.fallback, draft)
    if draft.is_refusal:
        return {**changes, "refusal": RefusalReason.NOT_IN_DOCUMENTS}
    return changes


def _failure(error: ProviderError) -> str:
    return error.message if isinstance(error, ProviderNotAllowedError) else "The language model does not answer."
