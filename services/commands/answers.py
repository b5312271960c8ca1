"""How does an answer look in a terminal?"""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass
from datetime import datetime

from core.errors import KnowledgeFoundryError
from core.events import (
    AnswerEvent,
    Citation,
    ClosestEvent,
    DoneEvent,
    Outcome,
    RefusalEvent,
    ReplacedEvent,
    SentenceEvent,
    Support,
    TokenEvent,
    ToldEvent,
)
from services.answers.fold import AnswerFold

_QUOTE = 240
UNSUPPORTED = " [not in the sources]"
_MARKED = "Sentences marked “not in the sources” are not supported by the passages they cite."


@dataclass(slots=True)
class ReadAnswer(AnswerFold):
    """An answer after its last event."""

    done: DoneEvent | None = None
    as_of: datetime | None = None

    @property
    def cited(self) -> bool:
        """Whether it is an answer that names its sources."""
        answered = self.done is not None and self.done.outcome is Outcome.ANSWERED
        return answered and bool(self.text.strip()) and bool(self.citations)

    @property
    def unsupported(self) -> list[SentenceEvent]:
        """The sentences that the passages they cite do not carry, in their order."""
        return [sentence for sentence in self.sentences if sentence.support is Support.UNSUPPORTED]

    @property
    def marked(self) -> str:
        """The text, such sentences marked as they are in the chat."""
        pieces, position = [], 0
        for sentence in self.unsupported:
            pieces += [self.text[position : sentence.end].rstrip(), UNSUPPORTED]
            position = sentence.end
        return "".join([*pieces, self.text[position:]])

    def as_json(self) -> str:
        """The whole as one JSON object."""
        outcome = self.done.outcome.value if self.done else Outcome.FAILED.value
        return json.dumps(
            {
                "answer": self.text,
                "outcome": outcome,
                "unsupported": [self.text[one.start : one.end].strip() for one in self.unsupported],
                "citations": [citation.model_dump(mode="json") for citation in self.citations],
                "notices": [notice.text for notice in self.notices],
                "as_of": self.as_of.isoformat() if self.as_of else None,
            },
            ensure_ascii=False,
            indent=2,
        )


async def read(events: AsyncIterable[AnswerEvent], write: Callable[[str], None] | None = None) -> ReadAnswer:
    """Collect an answer; ``write`` gets its text as it comes, and the whole again when it was replaced.

    Raises:
        KnowledgeFoundryError: The run failed; carries what it said.
    """
    answer = ReadAnswer()
    show = write or (lambda _: None)
    async for event in events:
        answer.add(event)
        match event:
            case TokenEvent() | RefusalEvent() | ClosestEvent() | ToldEvent():
                show(event.text)
            case ReplacedEvent():
                # A terminal cannot take back what stands above.
                show(f"\n\n[What stands above is withdrawn: {event.reason}]\n\n{event.text}")
            case SentenceEvent() if event.support is Support.UNSUPPORTED:
                show(UNSUPPORTED)  # the event comes right behind its text
            case DoneEvent():
                answer.done = event
            case _:
                pass
    if answer.done is None or answer.done.outcome is Outcome.FAILED:
        reason = answer.done.error if answer.done else "it ended in the middle"
        raise KnowledgeFoundryError(f"The question could not be answered: {reason}.")
    return answer


def sources(answer: ReadAnswer) -> str:
    """The numbered sources and the notices, ready to print below the text."""
    lines = [f"  {_source(citation)}" for citation in answer.citations]
    notices = [*(notice.text for notice in answer.notices), *([_MARKED] if answer.unsupported else [])]
    return "\n".join([*lines, *(f"  Note: {notice}" for notice in notices)])


def _source(citation: Citation) -> str:
    place = citation.page_label or (f"page {citation.page}" if citation.paged else "")
    if not place and citation.heading_path:
        place = " › ".join(citation.heading_path)
    if citation.superseded:
        place = f"{place}{', ' if place else ''}superseded version {citation.version_number}"
    quote = " ".join(citation.quote.split())
    shortened = quote if len(quote) <= _QUOTE else quote[: _QUOTE - 1].rstrip() + "…"
    return f"[{citation.number}] {citation.filename}{', ' if place else ''}{place}: “{shortened}”"
