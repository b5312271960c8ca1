"""What does a run of the graph know so far?"""

from __future__ import annotations

import operator
from typing import Annotated, TypedDict

from core.events import Citation, RefusalReason, SentenceEvent, UsageEvent
from core.types import Candidate


class AnswerState(TypedDict, total=False):
    """Keys appear as nodes write them.

    Attributes:
        question: As it was asked.
        standalone: The same, understandable without the conversation.
        language: Of the standalone question, ISO 639-1 or ``und``.
        injection_score: 0-1, how much the question looks like an attempt to change the rules.
        query: What the search is asked; differs from ``standalone`` after a rewrite.
        candidates: What searches found so far, best first.
        evidence: The few candidates an answer may be made of, best first.
        searched_documents: How many documents the search went through.
        term_idf: See ``Retrieval.term_idf``.
        degraded: Components for which something weaker stood in.
        strength: Estimated probability that the evidence answers the question.
        rewrites: How often the question was put differently.
        refusal: Why there is no answer; absent when there is one.
        answer: Final text.
        sentences: Offsets into ``answer`` with support.
        citations: Sources in the order of their numbers.
        usage: Tokens and cost of the answer.
        prompts: ``id@version`` of every prompt used.
    """

    question: str
    standalone: str
    language: str
    injection_score: float
    query: str
    candidates: list[Candidate]
    evidence: list[Candidate]
    searched_documents: int
    term_idf: dict[str, float]
    degraded: Annotated[list[str], operator.add]
    strength: float
    rewrites: int
    refusal: RefusalReason
    answer: str
    sentences: list[SentenceEvent]
    citations: list[Citation]
    usage: UsageEvent
    prompts: Annotated[list[str], operator.add]
