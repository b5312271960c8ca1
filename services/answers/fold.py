"""What does an answer say so far? Its events, folded once, as they come."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from core.events import (
    AnswerEvent,
    Citation,
    CitationEvent,
    ClosestEvent,
    NoticeEvent,
    NoticeKind,
    Outcome,
    RefusalEvent,
    ReplacedEvent,
    SentenceEvent,
    TokenEvent,
    ToldEvent,
    UsageEvent,
)
from services.answers.conversations import StoredAnswer


@dataclass(slots=True)
class AnswerFold:
    """An answer as its reader sees it now.

    Attributes:
        outcome: How it ends unless somebody stops it or it fails.
    """

    text: str = ""
    outcome: Outcome = Outcome.ANSWERED
    usage: UsageEvent | None = None
    notices: list[NoticeEvent] = field(default_factory=list)
    sentences: list[SentenceEvent] = field(default_factory=list)
    _citations: dict[int, Citation] = field(default_factory=dict)

    def add(self, event: AnswerEvent) -> None:
        """Take the next event in; those that change nothing a reader sees are passed over."""
        match event:
            case TokenEvent():
                self.text += event.text
            case ReplacedEvent():
                self.text, self._citations, self.sentences = event.text, {}, []
            case RefusalEvent():
                self.text, self.outcome = event.text, Outcome.REFUSED
            case ClosestEvent():
                self.text, self.outcome = event.text, Outcome.CLOSEST
            case ToldEvent():
                self.text, self.outcome = event.text, Outcome.TOLD
            case CitationEvent():
                self._citations[event.citation.number] = event.citation
            case SentenceEvent():
                self.sentences.append(event)
            case NoticeEvent():
                self.notices.append(event)
            case UsageEvent():
                self.usage = event
            case _:
                pass

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The sources, by number."""
        return tuple(self._citations[number] for number in sorted(self._citations))

    def stored(self, outcome: Outcome, error: str, *, latency_ms: float, as_of: datetime | None) -> StoredAnswer:
        """What is kept of it once it ended; a reader of an answer that failed at once sees the error."""
        usage = self.usage
        return StoredAnswer(
            text=self.text or error,
            citations=self.citations,
            sentences=tuple(self.sentences),
            notices=tuple(notice.text for notice in self.notices),
            confidential=any(notice.kind is NoticeKind.CONFIDENTIAL for notice in self.notices),
            outcome=outcome.value,
            token_count=usage.input_tokens + usage.output_tokens if usage else 0,
            cost_usd=usage.cost_usd if usage else 0.0,
            latency_ms=latency_ms,
            model=usage.model if usage else "",
            as_of=as_of,
        )
