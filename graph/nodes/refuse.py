"""Node: refusal -> words."""

from __future__ import annotations

from langgraph.runtime import Runtime

from core.events import RefusalEvent, RefusalReason
from graph.context import GraphContext
from graph.state import AnswerState

_TEXT = {
    RefusalReason.NOT_IN_DOCUMENTS: "I could not find an answer to this in your documents.",
    RefusalReason.NO_DOCUMENTS: "There are no documents to answer from yet. Add some, and ask again.",
    RefusalReason.UNSAFE_QUESTION: "This asks me to change my rules, which I do not do. Ask about your documents.",
    RefusalReason.NO_PROVIDER: "No language model could be reached. Please try again in a moment.",
}


async def refuse(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Say openly that there is no answer, and what was searched.

    Reads ``refusal``, ``searched_documents`` and ``evidence``; writes ``answer``.
    """
    reason = state["refusal"]
    count = state.get("searched_documents", 0)
    searched = ""
    if reason is RefusalReason.NOT_IN_DOCUMENTS and count:
        nearest = list(dict.fromkeys(candidate.chunk.filename for candidate in state.get("evidence", [])))[:3]
        searched = f"Searched {count} document{'s' if count != 1 else ''}."
        if nearest:
            searched += f" Nearest: {', '.join(nearest)}."
    text = f"{_TEXT[reason]} {searched}".strip()
    await runtime.context.emit(RefusalEvent(reason=reason, text=text, searched=searched))
    return {"answer": text, "cited": 0}
