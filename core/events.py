"""What does an answer say while it is being made?

One schema for the chat, the API and the tests. Order: ``stage`` events as the graph moves on; ``token`` events with
text that was already checked; a ``sentence`` event after each sentence; ``citation`` before the first sentence that
uses it; ``notice`` at any time; then ``usage`` and, always last, ``done``. A ``refusal`` stands where the text would
stand; ``closest`` begins a text that is no answer, but names the passages that come closest; ``told`` replies to what
is no question of the documents. When text that was already shown must go, ``replaced`` carries the whole new text.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Stage(StrEnum):
    """Where the question is, in the order of the graph; each of them is sent."""

    GUARD = "guard"
    CONTEXTUALIZE = "contextualize"
    RETRIEVE = "retrieve"
    RERANK = "rerank"
    WEIGH = "weigh"
    REWRITE = "rewrite"
    GENERATE = "generate"
    VERIFY = "verify"


class StageEvent(_Event):
    """The graph entered a stage; ``detail`` is for people ("searching 15 documents")."""

    type: Literal["stage"] = "stage"
    stage: Stage
    detail: str = ""


class TokenEvent(_Event):
    """Text to append to the answer."""

    type: Literal["token"] = "token"
    text: str


class Support(StrEnum):
    """How a sentence stands against the passages it cites."""

    SUPPORTED = "supported"
    PARTLY = "partly"
    UNSUPPORTED = "unsupported"
    NOT_A_CLAIM = "not_a_claim"


class SentenceEvent(_Event):
    """One finished sentence: ``answer[start:end]``, with the numbers it cites and how well they carry it."""

    type: Literal["sentence"] = "sentence"
    start: int
    end: int
    citations: tuple[int, ...] = ()
    support: Support
    score: float = Field(default=0.0, ge=0, le=1)


class Citation(_Event):
    """A source of the answer: the exact version, page and characters.

    ``char_start``/``char_end`` count in the text of that page; ``quote`` is exactly these characters. ``superseded``:
    another version answered when this was written; opening the passage says how it is today.
    """

    number: int = Field(ge=1)
    chunk_id: UUID
    document_id: UUID
    version_id: UUID
    version_number: int
    filename: str
    mime_type: str
    page: int
    paged: bool = True
    page_label: str = ""
    heading_path: tuple[str, ...] = ()
    char_start: int
    char_end: int
    quote: str
    score: float = 0.0
    superseded: bool = False


class CitationEvent(_Event):
    """A source is about to be used."""

    type: Literal["citation"] = "citation"
    citation: Citation


class ReplacedEvent(_Event):
    """Forget the text shown so far; this is the answer."""

    type: Literal["replaced"] = "replaced"
    text: str
    reason: str


class RefusalReason(StrEnum):
    """Why there is no answer."""

    NOT_IN_DOCUMENTS = "not_in_documents"
    NO_DOCUMENTS = "no_documents"
    UNSAFE_QUESTION = "unsafe_question"
    CONFIDENTIAL = "confidential"
    MODEL_NOT_ALLOWED = "model_not_allowed"


class RefusalEvent(_Event):
    """No answer, said openly; ``searched`` says what was looked through."""

    type: Literal["refusal"] = "refusal"
    reason: RefusalReason
    text: str
    searched: str = ""


class ClosestEvent(_Event):
    """No passage says it outright; the passages that come closest follow ``text``, each quoted and cited."""

    type: Literal["closest"] = "closest"
    text: str


class ToldEvent(_Event):
    """A reply to a greeting, to thanks, or to what can be asked; its last lines may be questions, each a "- "."""

    type: Literal["told"] = "told"
    text: str


class NoticeKind(StrEnum):
    """What a reader should know about how the answer came about."""

    CACHED = "cached"
    DEGRADED = "degraded"
    FAILED_OVER = "failed_over"
    OVER_BUDGET = "over_budget"
    NO_MODEL = "no_model"
    FLAGGED = "flagged"
    REWRITTEN = "rewritten"
    PARTIAL = "partial"
    NOT_COVERED = "not_covered"
    CONFIDENTIAL = "confidential"
    AS_OF = "as_of"


class NoticeEvent(_Event):
    """Something worth knowing that is not the answer."""

    type: Literal["notice"] = "notice"
    kind: NoticeKind
    text: str
    component: str = ""


class UsageEvent(_Event):
    """What the answer took, all calls of models for it together; ``provider`` and ``model`` wrote what stands.

    ``confidence``: how likely the best sentence answers, 0–1, whether it was stated or not; only who quotes can tell.
    """

    type: Literal["usage"] = "usage"
    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: float
    latency_ms: float
    first_token_ms: float | None = None
    passages: int = 0
    confidence: float | None = Field(default=None, ge=0, le=1)


class Outcome(StrEnum):
    """How the answer ended."""

    ANSWERED = "answered"
    CLOSEST = "closest"
    TOLD = "told"
    REFUSED = "refused"
    STOPPED = "stopped"
    FAILED = "failed"


class DoneEvent(_Event):
    """Always last."""

    type: Literal["done"] = "done"
    outcome: Outcome
    message_id: UUID | None = None
    chat_id: UUID | None = None
    error: str = ""
    incident_id: str = ""


AnswerEvent = Annotated[
    StageEvent
    | TokenEvent
    | SentenceEvent
    | CitationEvent
    | ReplacedEvent
    | RefusalEvent
    | ClosestEvent
    | ToldEvent
    | NoticeEvent
    | UsageEvent
    | DoneEvent,
    Field(discriminator="type"),
]

ANSWER_EVENT: TypeAdapter[AnswerEvent] = TypeAdapter(AnswerEvent)
