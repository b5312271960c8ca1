"""Node: evidence -> answer, released sentence by sentence."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import structlog
from langgraph.runtime import Runtime

from core.errors import ProviderError
from core.events import NoticeEvent, NoticeKind, RefusalReason, ReplacedEvent, Stage, StageEvent, UsageEvent
from core.types import Candidate, CompletionRequest, CompletionResponse, Grounding, Message, Passage
from graph.context import GraphContext
from graph.prompts import load
from graph.release import SentenceReleaser
from graph.state import AnswerState
from plugins.interfaces import CompletionStream, LLMProvider

log = structlog.get_logger(__name__)

NO_ANSWER = "NO_ANSWER"


async def generate(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Write the answer from the evidence.

    Reads ``question``, ``query`` and ``evidence``; writes ``answer`` and ``cited``, or ``refusal`` when the model finds
    no answer in them. When the model fails, before or amid its answer, the best sentences are quoted instead and the
    run is marked.
    """
    context = runtime.context
    await context.emit(StageEvent(stage=Stage.GENERATE))
    if context.extractive:
        await context.emit(
            NoticeEvent(
                kind=NoticeKind.NO_MODEL,
                component="llm",
                text="No language model is configured: these are the best matching sentences, word for word; "
                "whether they answer the question is yours to judge.",
            )
        )
    releaser = SentenceReleaser(state["evidence"], context.emit)
    try:
        refused = await _write(state, context, context.llm, context.llm_name, releaser)
    except ProviderError as error:
        if context.fallback is None:
            raise
        log.warning("model_failed", reason=error.code, provider=context.llm_name)
        if releaser.text:
            await context.emit(ReplacedEvent(text="", reason="The model broke off."))
        await context.emit(
            NoticeEvent(
                kind=NoticeKind.DEGRADED,
                component="llm",
                text="The language model does not answer: these are the best matching sentences, word for word.",
            )
        )
        releaser = SentenceReleaser(state["evidence"], context.emit)
        refused = await _write(state, context, context.fallback, "extractive", releaser)
        return {**_result(refused, releaser), "degraded": [*state.get("degraded", []), "llm"]}
    return _result(refused, releaser)


def _result(refused: bool, releaser: SentenceReleaser) -> AnswerState:
    if refused:
        return {"refusal": RefusalReason.NOT_IN_DOCUMENTS}
    return {"answer": releaser.text, "cited": releaser.cited}


async def _write(
    state: AnswerState, context: GraphContext, llm: LLMProvider, name: str, releaser: SentenceReleaser
) -> bool:
    """Stream an answer into the releaser; True when the model said that there is none."""
    started = time.perf_counter()
    first: float | None = None
    head, held = "", True
    async with _stream(llm, _request(state, context)) as stream:
        async for piece in stream:
            if first is None:
                first = (time.perf_counter() - started) * 1000
            if held:
                # Hold back until it is clear that this is no refusal.
                head += piece
                said = head.strip()
                if said.startswith(NO_ANSWER):
                    break
                if NO_ANSWER.startswith(said):
                    continue
                held, piece = False, head
            await releaser.feed(piece)
        refused = head.strip().startswith(NO_ANSWER)
        if not refused:
            if held:
                await releaser.feed(head)
            await releaser.finish()
    await context.emit(_usage(stream.response, name, first, started, len(state["evidence"])))
    return refused or not releaser.text


def _usage(
    response: CompletionResponse, provider: str, first: float | None, started: float, passages: int
) -> UsageEvent:
    return UsageEvent(
        provider=provider,
        model=response.model,
        input_tokens=response.input_tokens,
        output_tokens=response.output_tokens,
        cost_usd=response.cost_usd,
        latency_ms=(time.perf_counter() - started) * 1000,
        first_token_ms=first,
        passages=passages,
    )


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
async def _stream(llm: LLMProvider, request: CompletionRequest) -> AsyncIterator[CompletionStream | _Whole]:
    """The model's stream, ended with the block whatever happens: Stop really ends the call."""
    answer = await llm.complete(request)
    async with aclosing(_Whole(answer) if isinstance(answer, CompletionResponse) else answer) as stream:
        yield stream
