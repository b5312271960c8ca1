"""Node: question and history -> standalone query."""

from __future__ import annotations

import re

import structlog
from langgraph.runtime import Runtime

from core.errors import ProviderError
from core.events import Stage, StageEvent
from core.text import language, terms
from core.types import CompletionRequest, CompletionResponse, Message
from graph.context import GraphContext
from graph.ledger import Ledger
from graph.prompts import load
from graph.state import AnswerState

log = structlog.get_logger(__name__)

_POINTS_BACK = re.compile(
    r"^(?:and|und|et|y|what about|how about|was ist mit|also)\b|\b(?:it|its|they|them|their|that|this|those|these|"
    r"there|he|she|his|her|es|sie|ihn|ihm|dessen|deren|diese[rsmn]?|davon|dafür|dazu|dort)\b",
    re.IGNORECASE,
)
SHORT = 4
MAX_REWRITTEN = 500


async def contextualize(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Make a follow-up question stand alone.

    Reads ``question``; writes ``query`` and ``calls``. Without a model, or when it is down or may not see the
    conversation, a question that points back is searched together with the question before it.
    """
    context = runtime.context
    await context.emit(StageEvent(stage=Stage.CONTEXTUALIZE))
    question = state["question"]
    before = next((m.content for m in reversed(context.history) if m.role == "user"), "")
    if not before or not _follows_up(question):
        return {"query": question}
    query, ledger = f"{before} {question}", Ledger()
    if not context.extractive:
        try:
            query = await _ask_model(question, context, ledger)
        except ProviderError as error:
            log.warning("contextualize_skipped", reason=error.code)
    return {"query": query, "calls": ledger.calls}


def _follows_up(question: str) -> bool:
    return bool(_POINTS_BACK.search(question)) or len(terms.terms(question, language.detect(question))) < SHORT


async def _ask_model(question: str, context: GraphContext, ledger: Ledger) -> str:
    request = CompletionRequest(
        messages=(
            Message(role="system", content=load("contextualize").text),
            *context.history,
            Message(role="user", content=question),
        ),
        model=context.settings.model,
        temperature=0,
        max_tokens=200,
        clearance=context.clearance(),
    )
    response = await context.llm.complete(request, ledger)
    text = response.text.strip() if isinstance(response, CompletionResponse) else ""
    return text if 0 < len(text) <= MAX_REWRITTEN else question
