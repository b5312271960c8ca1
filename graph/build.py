"""In which order do the steps follow?

    guard → contextualize → retrieve → rerank → weigh → generate → verify → end
      └──────────────────────────────────────────┴─────────┴─────────┴──▶ closest → (end | refuse)

No checkpointer: one would serialise the whole process, and history is kept by ``services.answers.conversations``.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graph.context import GraphContext
from graph.nodes.closest import closest
from graph.nodes.contextualize import contextualize
from graph.nodes.generate import generate
from graph.nodes.guard import guard
from graph.nodes.refuse import refuse
from graph.nodes.rerank import rerank
from graph.nodes.retrieve import retrieve
from graph.nodes.verify import verify
from graph.nodes.weigh import weigh
from graph.state import AnswerState

AnswerGraph: TypeAlias = "CompiledStateGraph[AnswerState, GraphContext, AnswerState, AnswerState]"


def build_graph() -> AnswerGraph:
    """Compile the graph once; it holds no state of any question."""
    builder = StateGraph(AnswerState, context_schema=GraphContext)
    steps: dict[str, Any] = {
        "guard": guard,
        "contextualize": contextualize,
        "retrieve": retrieve,
        "rerank": rerank,
        "weigh": weigh,
        "generate": generate,
        "verify": verify,
        "closest": closest,
        "refuse": refuse,
    }
    for name, step in steps.items():
        builder.add_node(name, step)
    builder.add_edge(START, "guard")
    builder.add_conditional_edges("guard", _or_closest("contextualize"))
    builder.add_edge("contextualize", "retrieve")
    builder.add_edge("retrieve", "rerank")
    builder.add_edge("rerank", "weigh")
    builder.add_conditional_edges("weigh", _or_closest("generate"))
    builder.add_conditional_edges("generate", _or_closest("verify"))
    builder.add_conditional_edges("verify", _or_closest(END))
    builder.add_conditional_edges("closest", lambda state: END if state.get("cited") else "refuse")
    builder.add_edge("refuse", END)
    return builder.compile()


async def run(graph: AnswerGraph, question: str, context: GraphContext) -> AnswerState:
    """Answer one question; events go to ``context.emit`` as they happen."""
    result: AnswerState = await graph.ainvoke({"question": question}, context=context)  # type: ignore[assignment]
    return result


def _or_closest(following: str) -> Any:
    def route(state: AnswerState) -> str:
        return "closest" if state.get("refusal") else following

    return route
