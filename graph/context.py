"""What does a run of the graph need from outside?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import UUID

from core.events import AnswerEvent
from core.identity import Principal
from core.types import Candidate, Message
from plugins.interfaces import EmbeddingProvider, LLMProvider, Reranker


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What a search found.

    Attributes:
        candidates: Best first, without repeated text.
        searched_documents: Documents the principal may read that the search went through.
        degraded: Components that were down while a weaker way stood in, such as ``vector_db``.
        term_idf: Term → inverse document frequency in the organisation, 0.0 for a term that occurs nowhere. Empty when
            the search has no such statistics; then the passages found are used instead.
    """

    candidates: list[Candidate]
    searched_documents: int
    degraded: tuple[str, ...] = ()
    term_idf: Mapping[str, float] = field(default_factory=dict)


class Retriever(Protocol):
    """Finds passages that the principal may read."""

    async def retrieve(
        self,
        question: str,
        *,
        principal: Principal,
        limit: int,
        collection_ids: frozenset[UUID] | None = None,
        document_ids: frozenset[UUID] | None = None,
    ) -> Retrieval:
        """At most ``limit`` candidates of active versions, best first."""


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """How answers are made.

    Attributes:
        top_k: Candidates asked of the search.
        rerank_top_k: Pieces of evidence kept of them.
        min_evidence: Estimated probability, 0-1, that the evidence answers the question, below which it is refused.
        max_rewrites: How often a question without evidence is put differently before it is refused.
        model: Name for the provider; empty means the provider's first.
        history_turns: Messages of the conversation that may explain a follow-up.
        injection_policy: What happens to a question that tries to change the rules: only a notice, or a refusal when
            the score reaches ``injection_block_score``.
        supported_score: From this grounding score on, 0-1, a sentence counts as supported, from ``partly_score`` on as
            partly.
    """

    top_k: int = 30
    rerank_top_k: int = 6
    min_evidence: float = 0.25
    max_rewrites: int = 1
    model: str = ""
    temperature: float = 0.2
    max_tokens: int = 2048
    stream: bool = True
    history_turns: int = 6
    injection_policy: Literal["off", "flag", "block"] = "flag"
    injection_flag_score: float = 0.5
    injection_block_score: float = 0.85
    supported_score: float = 0.6
    partly_score: float = 0.35
    answer_prompt: str = "answer"
    contextualize_prompt: str = "contextualize"
    rewrite_prompt: str = "rewrite"


async def discard(event: AnswerEvent) -> None:
    """Takes an event when nobody listens."""


@dataclass(frozen=True, slots=True)
class GraphContext:
    """A snapshot of plugins and settings for one question.

    Attributes:
        extractive: Answers with sentences of the evidence, without a model; what remains when ``llm`` fails.
        llm_name: Name of the provider as people know it, for usage and notices.
        llm_local_extractive: Whether ``llm`` itself is that one: no model is configured.
        history: The conversation before this question, oldest first.
        emit: Takes every event of the answer in order, except ``done``.
        collection_ids: Search only these; None means all that are readable.
    """

    principal: Principal
    retriever: Retriever
    reranker: Reranker
    llm: LLMProvider
    llm_name: str
    llm_local_extractive: bool
    extractive: LLMProvider
    embedding: EmbeddingProvider
    settings: AnswerSettings = AnswerSettings()
    history: tuple[Message, ...] = ()
    emit: Callable[[AnswerEvent], Awaitable[None]] = discard
    collection_ids: frozenset[UUID] | None = None
    document_ids: frozenset[UUID] | None = None
