"""Node: query -> candidates."""

from __future__ import annotations

from langgraph.runtime import Runtime

from core.events import NoticeEvent, NoticeKind, Stage, StageEvent
from graph.context import GraphContext
from graph.state import AnswerState

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
    await context.emit(StageEvent(stage=Stage.RETRIEVE))
    found = await context.retriever.retrieve(
        state["query"],
        principal=context.principal,
        limit=context.settings.top_k,
        collection_ids=context.collection_ids,
        document_ids=context.document_ids,
        as_of=context.as_of,
    )
    for component in found.degraded:
        await context.emit(
            NoticeEvent(
                kind=NoticeKind.DEGRADED,
                component=component,
                text=LACKING.get(component, LACKING["vector_db"]),
            )
        )
    return {
        "candidates": found.candidates,
        "searched_documents": found.searched_documents,
        "term_idf": found.term_idf,
        "degraded": [*state.get("degraded", []), *found.degraded],
    }
