"""Node: evidence -> answer, released sentence by sentence."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import structlog
from langgraph.runtime import Runtime

from core.errors import ProviderError, ProviderNotAllowedError
from core.events import NoticeEvent, NoticeKind, RefusalReason, Stage, StageEvent
from core.types import Candidate, CompletionRequest, CompletionResponse, Grounding, Message, Passage
from graph.context import GraphContext
from graph.draft import Draft
from graph.prompts import load
from graph.state import AnswerState
from plugins.interfaces import CompletionStream, RoutedModel

log = structlog.get_logger(__name__)

NO_MODEL = (
    "No language model is configured: these are the best matching sentences, word for word; "
    "whether they answer the question is yours to judge."
)


async def generate(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Write the answer from the evidence.

    Reads ``question``, ``query``, ``evidence`` and ``calls``; writes ``answer`` and ``cited``, or ``refusal`` when the
    model finds no answer in them or no model may see them, and empties ``calls``, for their usage is told here. When
    all models fail, before or amid their answer, the best sentences are quoted instead and the run is marked.
    """
    context = runtime.context
    await context.emit(StageEvent(stage=Stage.GENERATE))
    draft = Draft(state["evidence"], context.emit, state.get("calls", ()))
    changes: AnswerState = {}
    try:
        await _write(_request(state, context), context.llm, draft)
    except ProviderError as error:
        if context.fallback is None:
            if not isinstance(error, ProviderNotAllowedError):
                raise
            reason = RefusalReason.CONFIDENTIAL if error.confidential else RefusalReason.MODEL_NOT_ALLOWED
            return {"refusal": reason, "calls": []}
        log.warning("model_failed", reason=error.code)
        changes = {"degraded": [*state.get("degraded", []), "llm"]}
        await draft.begin_anew("The model broke off.")
        await context.emit(NoticeEvent(kind=NoticeKind.DEGRADED, component="llm", text=_why_quoted(error)))
        await _write(_request(state, context), context.fallback, draft)
    finally:
        # Also when the answer is stopped or fails: what was used was paid for.
        await draft.tell_usage()
    changes["calls"] = []
    if draft.is_refusal:
        return {**changes, "refusal": RefusalReason.NOT_IN_DOCUMENTS}
    if context.extractive:
        await context.emit(NoticeEvent(kind=NoticeKind.NO_MODEL, component="llm", text=NO_MODEL))
    return {**changes, "answer": draft.releaser.text, "cited": draft.releaser.cited}


def _why_quoted(error: ProviderError) -> str:
    if isinstance(error, ProviderNotAllowedError):
        return f"{error.message} These are the best matching sentences, word for word."
    return "The language model does not answer: these are the best matching sentences, word for word."


async def _write(request: CompletionRequest, llm: RoutedModel, draft: Draft) -> None:
    """Stream an answer into the draft."""
    async with _stream(llm, request, draft) as stream:
        async for piece in stream:
            if not await draft.feed(piece):
                return
    await draft.finish()


def _request(state: AnswerState, context: GraphContext) -> CompletionRequest:
    marker = f"passages-{secrets.token_hex(6)}"
    passages = tuple(_passage(n, candidate) for n, candidate in enumerate(state["evidence"], start=1))
    shown = "\n\n".join(f"[{p.number}] ({p.title})\n{p.text}" for p in passages)
    settings = context.settings
    return CompletionRequest(
        messages=(
            Message(role="system", content=load("answer").text.replace("{marker}", marker)),
            *context.history,
            Message(role="user", content=f"{marker}\n{shown}\nend {marker}\n\nQuestion: {state['question']}"[:100_000]),
        ),
        model=settings.model,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        stream=settings.stream,
        grounding=Grounding(question=state["query"], passages=passages, term_idf=dict(state.get("term_idf", {}))),
        clearance=context.clearance(state["evidence"]),
    )


def _passage(number: int, candidate: Candidate) -> Passage:
    chunk = candidate.chunk
    return Passage(
        number=number,
        text=chunk.content,
        title=chunk.context or chunk.filename,
        language=chunk.language,
        score=candidate.score,
    )


class _Whole:
    """A whole response in the shape of a stream."""

    def __init__(self, response: CompletionResponse) -> None:
        self.response = response

    async def __aiter__(self) -> AsyncIterator[str]:
        yield self.response.text

    async def aclose(self) -> None:
        """Nothing is open."""


@asynccontextmanager
async def _stream(
    llm: RoutedModel, request: CompletionRequest, draft: Draft
) -> AsyncIterator[CompletionStream | _Whole]:
    """The model's stream, ended with the block whatever happens: Stop really ends the call."""
    answer = await llm.complete(request, draft)
    async with aclosing(_Whole(answer) if isinstance(answer, CompletionResponse) else answer) as stream:
        yield stream
