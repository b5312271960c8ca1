"""What is known about an answer so far?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from core.events import RefusalReason
from core.text.requests import Request
from core.types import Candidate
from plugins.interfaces import ModelCall


class AnswerState(TypedDict, total=False):
    """Keys appear as nodes write them."""

    question: str
    """As asked."""
    request: Request
    """What is wanted, as far as the words tell."""
    query: str
    """As searched for: standalone, perhaps rewritten."""
    candidates: list[Candidate]
    evidence: list[Candidate]
    searched_documents: int
    term_idf: Mapping[str, float]
    rewrites: int
    near: bool
    """Whether a passage speaks of the question; what is far is read by a model, but never quoted."""
    sought_again: bool
    """Whether the question is put differently, because nothing near was found."""
    degraded: list[str]
    refusal: RefusalReason
    calls: list[ModelCall]
    """Calls of models that no usage event has told of yet."""
    answer: str
    cited: int
    """How many citations the answer carries."""
