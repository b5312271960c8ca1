"""In which order do the steps follow?

    guard → route → contextualize → retrieve → collect → rerank → weigh → generate → verify → end
      │       │                      ▲          └▶ end          ├▶ rewrite → (retrieve | generate)
      │       ├──▶ greet → end       └──────────────────────────┘         │         │
      │       └──▶ summarise, compare → (end | generate | contextualize)  │         │
      └─────────────────────────────────────────────────────────┴─────────┴─────────┴──▶ closest → (end | refuse)

No checkpointer: one would serialise the whole process, and history is kept by ``services.answers.conversations``.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from core.text.requests import SMALL_TALK, RequestKind
from graph.context import GraphContext
from graph.nodes.closest import closest
from graph.nodes.collect import collect
from graph.nodes.compare import compare
from graph.nodes.contextualize import contextualize
from graph.nodes.generate import generate
from graph.nodes.greet import greet
from graph.nodes.guard import guard
from graph.nodes.refuse import refuse
from graph.nodes.rerank import rerank
from graph.nodes.retrieve import retrieve
from graph.nodes.rewrite import rewrite
from graph.nodes.route import route
from graph.nodes.summarise import summarise
from graph.nodes.verify import verify
from graph.nodes.weigh import weigh
from graph.state import AnswerState

AnswerGraph: TypeAlias = "CompiledStateGraph[AnswerState, GraphContext, AnswerState, AnswerState]"


def build_graph() -> AnswerGraph:
    """Compile the graph once; it holds no state of any question."""
    builder = StateGraph(AnswerState, context_schema=GraphContext)
    steps: dict[str, Any] = {
        "guard": guard,
        "route": route,
        "greet": greet,
        "summarise": summarise,
        "compare": compare,
        "contextualize": contextualize,
        "retrieve": retrieve,
        "collect": collect,
        "rerank": rerank,
        "weigh": weigh,
        "rewrite": rewrite,
        "generate": generate,
        "verify": verify,
        "closest": closest,
        "refuse": refuse,
    }
    for name, step in steps.items():
        builder.add_node(name, step)
    builder.add_edge(START, "guard")
    builder.add_conditional_edges("guard", _or_closest("route"))
    builder.add_conditional_edges("route", _by_request)
    builder.add_edge("greet", END)
    builder.add_conditional_edges("summarise", _shown_or)
    builder.add_conditional_edges("compare", _shown_or)
    builder.add_edge("contextualize", "retrieve")
    builder.add_edge("retrieve", "collect")
    builder.add_conditional_edges("collect", lambda state: END if state.get("cited") else "rerank")
    builder.add_edge("rerank", "weigh")
    builder.add_conditional_edges("weigh", _weighed)
    builder.add_conditional_edges("rewrite", lambda state: "retrieve" if state["sought_again"] else _weighed(state))
    builder.add_conditional_edges("generate", _or_closest("verify"))
    builder.add_conditional_edges("verify", _or_closest(END))
    builder.add_conditional_edges("closest", lambda state: END if state.get("cited") else "refuse")
    builder.add_edge("refuse", END)
    return builder.compile()


async def run(graph: AnswerGraph, question: str, context: GraphContext) -> AnswerState:
    """Answer one question; events go to ``context.emit`` as they happen."""
    result: AnswerState = await graph.ainvoke({"question": question}, context=context)  # type: ignore[assignment]
    return result


def _by_request(state: AnswerState) -> str:
    kind = state["request"].kind
    if kind in SMALL_TALK:
        return "greet"
    return {RequestKind.SUMMARY: "summarise", RequestKind.COMPARISON: "compare"}.get(kind, "contextualize")


def _shown_or(state: AnswerState) -> str:
    """Quoted already, or handed to a model; else a question like any other."""
    if state.get("cited"):
        return END
    return "generate" if state.get("evidence") else "contextualize"


def _weighed(state: AnswerState) -> str:
    if state.get("refusal"):
        return "closest"
    return "rewrite" if state.get("sought_again") else "generate"


def _or_closest(following: str) -> Any:
    def route(state: AnswerState) -> str:
        return "closest" if state.get("refusal") else following

    return route
