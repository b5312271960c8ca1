"""Node: refusal -> words."""

from __future__ import annotations

from langgraph.runtime import Runtime

from core.events import RefusalEvent, RefusalReason
from graph.context import GraphContext
from graph.ledger import Ledger
from graph.state import AnswerState

_TEXT = {
    RefusalReason.NOT_IN_DOCUMENTS: "I could not find an answer to this in your documents.",
    RefusalReason.NO_DOCUMENTS: "There are no documents to answer from yet. Add some, and ask again.",
    RefusalReason.UNSAFE_QUESTION: "This asks me to change my rules, which I do not do. Ask about your documents.",
    RefusalReason.CONFIDENTIAL: "The passages found are confidential, and no model that may see them is set up. "
    "An administrator can mark a model on your own machines as local.",
    RefusalReason.MODEL_NOT_ALLOWED: "Your organisation allows none of the models that are set up. "
    "An administrator can change its list.",
}

_NO_FILES = (
    "None of the files that came with the question could be read, and nothing else was searched. "
    "Ask without files to search all your documents."
)


async def refuse(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Say openly that there is no answer, and what was searched.

    Reads ``refusal``, ``searched_documents``, ``evidence`` and ``calls``, whose usage is told; writes ``answer``.
    """
    reason = state["refusal"]
    count = state.get("searched_documents", 0)
    searched = ""
    if reason is RefusalReason.NOT_IN_DOCUMENTS and count:
        nearest = list(dict.fromkeys(candidate.chunk.filename for candidate in state.get("evidence", [])))[:3]
        searched = f"Searched {_scope(count, runtime.context)}."
        if nearest:
            searched += f" Nearest: {', '.join(nearest)}."
    text = f"{_said(reason, runtime.context)} {searched}".strip()
    if usage := Ledger(state.get("calls", ())).usage():
        await runtime.context.emit(usage)
    await runtime.context.emit(RefusalEvent(reason=reason, text=text, searched=searched))
    return {"answer": text, "cited": 0}


def _said(reason: RefusalReason, context: GraphContext) -> str:
    if reason is RefusalReason.NO_DOCUMENTS and context.document_ids is not None:
        return _NO_FILES
    return _TEXT[reason]


def _scope(count: int, context: GraphContext) -> str:
    """What was searched: everything the reader may see, or the files he handed in with the question."""
    if context.document_ids is None:
        return f"{count} document{'s' if count != 1 else ''}"
    return "the file that came with the question" if count == 1 else f"the {count} files that came with the question"
