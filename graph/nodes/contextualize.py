"""Node: question and history -> standalone query."""

from __future__ import annotations

import re
from collections.abc import Sequence

import structlog
from langgraph.runtime import Runtime

from core.errors import ProviderError
from core.events import Stage, StageEvent
from core.text import language, names, terms
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
_SOMEBODY = re.compile(
    r"\b(?:its?|they|their|them|he|his|him|she|her|hers|er|sie|ihn|ihm|ihr|ihre[rsmn]?|sein(?:e[rsmn]?)?|dessen|deren)\b",
    re.I,
)
"""Stands for who or what was named last."""
CARRIED = 3
"""Names of the last answer that a question takes along."""
SHORT = 4
MAX_REWRITTEN = 500


async def contextualize(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Make a follow-up question stand alone.

    Reads ``question``; writes ``query`` and ``calls``. Without a model, or when it is down or may not see the
    conversation, a question about somebody is searched with the names in the last answer, any other that points back
    together with the question before it.
    """
    context = runtime.context
    await context.emit(StageEvent(stage=Stage.CONTEXTUALIZE))
    question = state["question"]
    before = next((m.content for m in reversed(context.history) if m.role == "user"), "")
    if not before or not _follows_up(question):
        return {"query": question}
    query, ledger = _joined(before, question, context.history), Ledger()
    if not context.extractive:
        try:
            query = await _ask_model(question, context, ledger)
        except ProviderError as error:
            log.warning("contextualize_skipped", reason=error.code)
    return {"query": query, "calls": ledger.calls}


def _joined(before: str, question: str, history: Sequence[Message]) -> str:
    """The question with what it leaves unsaid."""
    named = _named_last(history) if _SOMEBODY.search(question) else []
    return f"{question} {' '.join(named)}" if named else f"{before} {question}"


def _named_last(history: Sequence[Message]) -> list[str]:
    """Names in the last answer, in their order; none in passages that were only shown as near."""
    said = next((message.content for message in reversed(history) if message.role == "assistant"), "")
    if any(line.startswith(">") for line in said.splitlines()):
        return []
    found = names.names(said, language.detect(said))
    return sorted(found, key=said.find)[:CARRIED]


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
