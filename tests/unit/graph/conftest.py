"""Which parts do tests of the graph share? The real graph and offline plugins; fakes only at the plugin boundary."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

import httpx
import pytest

from core.errors import ProviderUnavailableError
from core.events import AnswerEvent
from core.identity import Principal, Role
from core.text import bm25, language, terms
from core.types import (
    Candidate,
    Chunk,
    CompletionRequest,
    CompletionResponse,
    Health,
    Message,
    PluginStatus,
)
from graph.build import AnswerGraph, build_graph, run
from graph.context import AnswerSettings, GraphContext, Retrieval
from graph.state import AnswerState
from plugins.interfaces import CompletionStream, EmbeddingProvider, LLMProvider, PluginContext, Reranker, RoutedModel
from plugins.llm.extractive import ExtractiveProvider
from plugins.llm.routing.breaker import BreakerPolicy, Breakers
from plugins.llm.routing.router import Route, Router, RoutingPolicy
from plugins.reranker.none import NoReranker, NoRerankerOptions
from tests.support.library import ChunkLibrary
from tests.support.word_embedding import WordEmbedding

PRINCIPAL = Principal(uuid4(), uuid4(), Role.VIEWER, "reader@alpha.example")
Event = TypeVar("Event")


def chunk(content: str, *, context: str = "", filename: str = "handbook.md", char_start: int = 0) -> Chunk:
    """A stored chunk."""
    return Chunk(
        id=uuid4(),
        document_id=uuid4(),
        version_id=uuid4(),
        version_number=1,
        filename=filename,
        mime_type="text/markdown",
        content=content,
        page=1,
        char_start=char_start,
        char_end=char_start + len(content),
        paged=False,
        context=context,
        language=language.detect(content),
    )


def evidence(*contents: str) -> list[Candidate]:
    """Passages, best first."""
    return [Candidate(chunk(text), 1 - 0.1 * n, dense_score=0.6) for n, text in enumerate(contents)]


HANDBOOK = (
    chunk(
        "Every employee has 30 days of vacation per year. Unused days expire on 31 March of the following year.",
        context="Employee handbook › Vacation",
        filename="handbook.md",
        char_start=120,
    ),
    chunk(
        "The relief valve of the boiler opens at 6 bar. It is tested every January.",
        context="Boiler manual › Safety",
        filename="manual.pdf",
    ),
    chunk(
        "Travel is approved by the head of the department. Receipts are handed in within 14 days.",
        context="Travel policy",
        filename="travel.docx",
    ),
)


@dataclass(slots=True)
class CorpusRetriever:
    """Finds passages of a few chunks by meaning and words; ``down`` are components it reports as degraded."""

    embedding: EmbeddingProvider
    chunks: Sequence[Chunk] = HANDBOOK
    down: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)
    scopes: list[tuple[UUID, int, frozenset[UUID] | None, frozenset[UUID] | None]] = field(default_factory=list)

    async def retrieve(
        self,
        question: str,
        *,
        principal: Principal,
        limit: int,
        collection_ids: frozenset[UUID] | None = None,
        document_ids: frozenset[UUID] | None = None,
        as_of: datetime | None = None,
    ) -> Retrieval:
        self.asked.append(question)
        self.scopes.append((principal.organization_id, limit, collection_ids, document_ids))
        if not self.chunks:
            return Retrieval([], 0)
        vectors = await self.embedding.embed_batch([f"{c.context}\n{c.content}" for c in self.chunks])
        cosines = vectors @ await self.embedding.embed_text(question)
        found = sorted(zip(self.chunks, cosines, strict=True), key=lambda pair: -pair[1])
        bags = [set(terms.terms(f"{c.context} {c.content}", c.language)) for c in self.chunks]
        frequency = {
            term: sum(term in bag for bag in bags) for term in terms.terms(question, language.detect(question))
        }
        return Retrieval(
            [Candidate(c, max(float(cosine), 0.0), dense_score=float(cosine)) for c, cosine in found[:limit]],
            searched_documents=len({c.document_id for c in self.chunks}),
            degraded=self.down,
            term_idf={t: bm25.inverse_document_frequency(n, len(bags)) if n else 0.0 for t, n in frequency.items()},
        )


class ScriptedStream:
    """Says its pieces; an exception among them is raised in its turn, an event is set and then nothing comes."""

    def __init__(self, pieces: Sequence[str | Exception | asyncio.Event]) -> None:
        self._pieces = pieces
        self.said: list[str] = []
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[str]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, asyncio.Event):
                piece.set()
                await asyncio.Event().wait()
                continue
            self.said.append(piece)
            yield piece

    async def aclose(self) -> None:
        self.closed = True

    @property
    def response(self) -> CompletionResponse:
        return _response("".join(self.said))


def _response(text: str) -> CompletionResponse:
    return CompletionResponse(
        text=text,
        model="scripted-1",
        token_count=12,
        input_tokens=7,
        output_tokens=5,
        latency_ms=1.0,
        cost_usd=0.25,
        timestamp=datetime(2026, 1, 1, tzinfo=UTC),
    )


class ScriptedModel:
    """A model that says what it was told to; remembers what it was asked."""

    def __init__(self, *answers: str | Exception | Sequence[str | Exception | asyncio.Event]) -> None:
        self._answers = list(answers)
        self.requests: list[CompletionRequest] = []
        self.streams: list[ScriptedStream] = []

    async def complete(self, request: CompletionRequest) -> CompletionResponse | CompletionStream:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, str):
            return _response(answer)
        stream = ScriptedStream(answer)
        self.streams.append(stream)
        return stream

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to release."""

    async def health_check(self) -> Health:
        return Health(PluginStatus.HEALTHY)

    def calculate_cost(self, input_tokens: int, output_tokens: int, model: str) -> float:
        return 0.0

    def get_supported_models(self) -> tuple[str, ...]:
        return ("scripted-1",)


class BrokenReranker(NoReranker):
    """A reranker whose service is down."""

    async def rerank(self, query: str, chunks: Sequence[Candidate], top_k: int) -> list[Candidate]:
        raise ProviderUnavailableError("The reranker is down.")


class SilentReranker(NoReranker):
    """A reranker that never answers."""

    async def rerank(self, query: str, chunks: Sequence[Candidate], top_k: int) -> list[Candidate]:
        await asyncio.Event().wait()
        return []


class BackwardsReranker(NoReranker):
    """Finds the last passage best; ``asked`` keeps what it was asked."""

    def __init__(self, options: NoRerankerOptions, context: PluginContext) -> None:
        super().__init__(options, context)
        self.asked: list[str] = []

    async def rerank(self, query: str, chunks: Sequence[Candidate], top_k: int) -> list[Candidate]:
        self.asked.append(query)
        return list(chunks)[::-1][:top_k]


@dataclass(slots=True)
class Answered:
    """What came of a question."""

    state: AnswerState
    events: list[AnswerEvent]
    retriever: CorpusRetriever

    def of(self, kind: type[Event]) -> list[Event]:
        """Events of one type."""
        return [event for event in self.events if isinstance(event, kind)]


class Desk:
    """Answers questions with the real graph."""

    def __init__(self, graph: AnswerGraph, embedding: EmbeddingProvider, plugins: PluginContext) -> None:
        self._graph = graph
        self.embedding = embedding
        self.plugins = plugins

    def extractive(self) -> ExtractiveProvider:
        """The model that ships with the product."""
        return ExtractiveProvider(ExtractiveProvider.Options(), self.plugins)

    async def ask(
        self,
        question: str,
        *,
        llm: LLMProvider | RoutedModel | None = None,
        fallback: LLMProvider | None = None,
        reranker: Reranker | None = None,
        reranker_local: bool = False,
        chunks: Sequence[Chunk] = HANDBOOK,
        questions: tuple[str, ...] = (),
        down: tuple[str, ...] = (),
        history: tuple[Message, ...] = (),
        settings: AnswerSettings | None = None,
        collection_ids: frozenset[UUID] | None = None,
        document_ids: frozenset[UUID] | None = None,
        local: bool = False,
        confidential_history: bool = False,
        allowed_models: tuple[str, ...] = (),
        events: list[AnswerEvent] | None = None,
    ) -> Answered:
        """Without a model, sentences are quoted; ``events`` receives them even when the run fails."""
        events = [] if events is None else events

        async def emit(event: AnswerEvent) -> None:
            events.append(event)

        retriever = CorpusRetriever(self.embedding, chunks, down)
        context = GraphContext(
            principal=PRINCIPAL,
            retriever=retriever,
            library=ChunkLibrary(chunks, questions),
            reranker=reranker or NoReranker(NoReranker.Options(), self.plugins),
            reranker_local=reranker is None or reranker_local,
            llm=routed("scripted", llm, local=local) if llm else routed("extractive", self.extractive()),
            embedding=self.embedding,
            extractive=llm is None,
            fallback=routed("extractive", fallback) if fallback else None,
            settings=settings or AnswerSettings(),
            history=history,
            collection_ids=collection_ids,
            document_ids=document_ids,
            confidential_history=confidential_history,
            allowed_models=allowed_models,
            emit=emit,
        )
        return Answered(await run(self._graph, question, context), events, retriever)


def alone(desk: Desk) -> tuple[GraphContext, list[AnswerEvent]]:
    """A context for one node by itself, and the events it will have told."""
    events: list[AnswerEvent] = []

    async def emit(event: AnswerEvent) -> None:
        events.append(event)

    context = GraphContext(
        principal=PRINCIPAL,
        retriever=CorpusRetriever(desk.embedding),
        library=ChunkLibrary(HANDBOOK),
        reranker=NoReranker(NoReranker.Options(), desk.plugins),
        llm=routed("extractive", desk.extractive()),
        embedding=desk.embedding,
        emit=emit,
    )
    return context, events


def routed(name: str, provider: LLMProvider | RoutedModel, *, local: bool = False) -> RoutedModel:
    """The provider behind a router that tries once; a router stays as it is."""
    if isinstance(provider, Router):
        return provider
    quotes = name == "extractive"
    route = Route(name, provider, models=("*",), local=local or quotes, quotes=quotes)
    return Router([route], Breakers(BreakerPolicy()), RoutingPolicy(rounds=1))


@pytest.fixture(scope="session")
def graph() -> AnswerGraph:
    """The compiled graph; it holds no state of any question."""
    return build_graph()


@pytest.fixture
async def desk(graph: AnswerGraph, tmp_path: Path) -> AsyncIterator[Desk]:
    """The graph with plugins that need nothing."""
    async with httpx.AsyncClient() as http:
        embedding = WordEmbedding()
        yield Desk(graph, embedding, PluginContext(http=http, data_dir=tmp_path, embedding=embedding))


def pieces_of(text: str, cuts: Sequence[int]) -> list[str]:
    """The text in pieces that end at the cuts (taken modulo its length)."""
    places = sorted({cut % (len(text) + 1) for cut in cuts})
    edges = [0, *places, len(text)]
    return [text[a:b] for a, b in pairwise(edges)]
