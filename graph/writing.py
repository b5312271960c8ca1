"""How is a model asked to write from evidence, and its answer read?"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

from core.types import Candidate, CompletionRequest, CompletionResponse, Grounding, Message, Passage
from graph.admission import FENCE
from graph.context import GraphContext
from graph.draft import Draft
from graph.evidence import background
from graph.fence import ordered_words, without_orders
from graph.prompts import load
from graph.state import AnswerState
from plugins.interfaces import CompletionStream, RoutedModel


def answer_request(state: AnswerState, context: GraphContext) -> CompletionRequest:
    """The question with its evidence, inside a fence that nobody who writes a document can guess."""
    marker = f"{FENCE}-{secrets.token_hex(6)}"
    passages = passages_of(state["evidence"], fence=context.settings.fence_orders)
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
        grounding=Grounding(
            question=state["query"],
            passages=passages,
            term_idf=dict(state.get("term_idf", {})),
            background=background(state.get("candidates", state["evidence"])),
            caution=settings.caution,
        ),
        clearance=context.clearance(state["evidence"]),
    )


async def begin(state: AnswerState, context: GraphContext, *, quotes: bool) -> Draft:
    """An empty draft; what passages order is known to it, so that nobody obeys."""
    return Draft(
        state["evidence"],
        context.emit,
        state["question"],
        quotes=quotes,
        before=state.get("calls", ()),
        ordered=await asyncio.to_thread(ordered_words, state["evidence"]),
        link_hosts=context.settings.link_hosts,
    )


async def write(request: CompletionRequest, llm: RoutedModel, draft: Draft) -> None:
    """Stream an answer into the draft, until it ends or nothing more need be read."""
    async with _stream(llm, request, draft) as stream:
        async for piece in stream:
            if not await draft.feed(piece):
                return
    await draft.finish()


def passages_of(evidence: Sequence[Candidate], *, fence: bool = False) -> tuple[Passage, ...]:
    """The evidence as it may be cited, numbered from 1; fenced without the sentences that give orders."""
    return tuple(_passage(number, candidate, fence=fence) for number, candidate in enumerate(evidence, start=1))


def _passage(number: int, candidate: Candidate, *, fence: bool) -> Passage:
    chunk = candidate.chunk
    return Passage(
        number=number,
        text=without_orders(chunk.content) if fence else chunk.content,
        title=chunk.context or chunk.filename,
        language=chunk.language,
        score=candidate.score,
        similarity=candidate.dense_score,
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
