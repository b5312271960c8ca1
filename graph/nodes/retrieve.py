"""Node: query -> candidates."""

from __future__ import annotations

from collections.abc import Sequence

from langgraph.runtime import Runtime

from core.events import NoticeEvent, NoticeKind, Stage, StageEvent
from core.types import Candidate
from graph.context import GraphContext
from graph.state import AnswerState

NAMED = 3
"""Documents still being read that a notice is given of."""
LACKING = {
    "vector_db": "The vector search is down; only words were searched, so something may be missing.",
    "primary_vector_db": "The first vector store is down; the second answers, with the same documents.",
    "history": "The search index no longer holds some versions of that time; what only they say is missing here.",
}


async def retrieve(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Search what the principal may read.

    Reads ``query``; writes ``candidates``, ``searched_documents``, ``term_idf`` and, when a vector store was down,
    ``degraded``.
    """
    context = runtime.context
    detail = "" if context.document_ids is None else "Searching what came with the question"
    await context.emit(StageEvent(stage=Stage.RETRIEVE, detail=detail))
    found = await context.search(state["query"])
    for component in found.degraded:
        await context.emit(
            NoticeEvent(
                kind=NoticeKind.DEGRADED,
                component=component,
                text=LACKING.get(component, LACKING["vector_db"]),
            )
        )
    for text in _partly_read(found.candidates):
        await context.emit(NoticeEvent(kind=NoticeKind.PARTIAL, component="ingestion", text=text))
    return {
        "candidates": found.candidates,
        "searched_documents": found.searched_documents,
        "term_idf": found.term_idf,
        "degraded": [*state.get("degraded", []), *found.degraded],
    }


def _partly_read(candidates: Sequence[Candidate]) -> list[str]:
    """What is said of documents of which only the first pages answer yet; of the best few."""
    read = {c.chunk.filename: c.chunk.pages_read for c in candidates if c.chunk.pages_read is not None}
    return [
        f"{name} is still being read: only {done} of its {total} pages answer yet."
        for name, (done, total) in list(read.items())[:NAMED]
    ]
