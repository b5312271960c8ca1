"""What does the graph need from outside for one question?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from core.events import AnswerEvent
from core.identity import Principal
from core.types import Candidate, Caution, Chunk, Clearance, Message
from plugins.interfaces import EmbeddingProvider, Reranker, RoutedModel

Emit = Callable[[AnswerEvent], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What a search found.

    Attributes:
        searched_documents: How many documents could have answered.
        degraded: Parts that were down and done without.
        term_idf: Term of the question → inverse document frequency; 0.0 for terms that occur nowhere.
    """

    candidates: list[Candidate]
    searched_documents: int
    degraded: tuple[str, ...] = ()
    term_idf: Mapping[str, float] = field(default_factory=dict)


class Retriever(Protocol):
    """Finds passages the principal may read."""

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
        """The ``limit`` best passages, best first; of the versions that answered at a moment, if one is given."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to look: what the principal may read, perhaps only these collections or documents, perhaps as of then."""

    principal: Principal
    collection_ids: frozenset[UUID] | None = None
    document_ids: frozenset[UUID] | None = None
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Holdings:
    """What there is to ask about.

    Attributes:
        kinds: MIME type → how many documents of it, most first.
        newest: File names and MIME types of a few, the newest first.
        questions: Known to be answered by some of them.
    """

    kinds: Mapping[str, int]
    newest: tuple[tuple[str, str], ...] = ()
    questions: tuple[str, ...] = ()

    @property
    def documents(self) -> int:
        """How many there are."""
        return sum(self.kinds.values())


class Library(Protocol):
    """Whole documents that answer, where a retriever gives passages of many."""

    async def holdings(self, scope: Scope) -> Holdings:
        """What there is."""

    async def named(self, name: str, scope: Scope) -> UUID | None:
        """The document with all words of a name in its file name or first heading; of several the most alike."""

    async def read(self, document_id: UUID, scope: Scope, *, limit: int) -> list[Chunk]:
        """The first ``limit`` chunks of a document in their order; none where it does not answer."""


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """What steers an answer.

    Attributes:
        fence_orders: Keep sentences that give orders from the model.
        link_hosts: Hosts that links in answers may lead to.
    """

    top_k: int = 20
    rerank_top_k: int = 6
    min_evidence: float = 0.2
    block_injection: float = 0.9
    flag_injection: float = 0.5
    model: str = ""
    temperature: float = 0.1
    max_tokens: int = 1024
    stream: bool = True
    caution: Caution = Caution.BALANCED
    max_rewrites: int = 0
    fence_orders: bool = False
    link_hosts: tuple[str, ...] = ()


async def _nowhere(event: AnswerEvent) -> None:
    """Events of a run nobody listens to."""


@dataclass(frozen=True, slots=True)
class GraphContext:
    """A snapshot for one question: swapped plugins never change under a running answer.

    Attributes:
        reranker_local: Whether confidential passages may reach the reranker.
        extractive: Whether ``llm`` quotes evidence instead of asking a model.
        fallback: Answers when ``llm`` cannot; None when ``llm`` is the fallback itself.
        allowed_models: Globs of the models the organisation allows; empty means all.
        as_of: The moment whose versions answer; None for those of now.
        confidential_history: An answer before this one used confidential passages.
    """

    principal: Principal
    retriever: Retriever
    library: Library
    reranker: Reranker
    llm: RoutedModel
    embedding: EmbeddingProvider
    reranker_local: bool = False
    extractive: bool = False
    fallback: RoutedModel | None = None
    settings: AnswerSettings = AnswerSettings()
    history: tuple[Message, ...] = ()
    confidential_history: bool = False
    allowed_models: tuple[str, ...] = ()
    collection_ids: frozenset[UUID] | None = None
    document_ids: frozenset[UUID] | None = None
    as_of: datetime | None = None
    emit: Emit = _nowhere

    @property
    def scope(self) -> Scope:
        """Where this question looks."""
        return Scope(self.principal, self.collection_ids, self.document_ids, self.as_of)

    async def search(self, query: str) -> Retrieval:
        """The best passages for a query, where this question looks."""
        scope = self.scope
        return await self.retriever.retrieve(
            query,
            principal=scope.principal,
            limit=self.settings.top_k,
            collection_ids=scope.collection_ids,
            document_ids=scope.document_ids,
            as_of=scope.as_of,
        )

    def clearance(self, evidence: Sequence[Candidate] = ()) -> Clearance:
        """Who may see this conversation together with this evidence."""
        confidential = self.confidential_history or any(candidate.chunk.confidential for candidate in evidence)
        return Clearance(local_only=confidential, models=self.allowed_models)
