"""What stands under an answer or an upload? The props of our three custom elements (``root/public/elements``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple
from uuid import UUID

from chainlit.element import CustomElement, ElementDict

from core.events import Citation, Outcome, SentenceEvent, Support
from services.answers.conversations import StoredAnswer
from services.views.chats import MessageView


class Drawn(NamedTuple):
    """An element: the component's name and what it is told."""

    component: str
    props: dict[str, Any]


class Refused(NamedTuple):
    """A file that was not taken in, and why."""

    filename: str
    problem: str
    next_step: str


def sources(message_id: UUID, answer: StoredAnswer, superseded: Set[UUID]) -> Drawn:
    """The sources of an answer that has just been made, those of superseded versions marked."""
    return _sources(
        message_id,
        answer.citations,
        answer.sentences,
        answer.notices,
        answer.outcome,
        _facts(answer, answer.latency_ms),
        superseded,
    )


def sources_of(message: MessageView, superseded: Set[UUID]) -> Drawn:
    """The sources of a stored answer, those of superseded versions marked."""
    facts = _facts(message, message.latency_ms)
    return _sources(
        message.id, message.citations, message.sentences, message.notices, message.outcome, facts, superseded
    )


def receipts(
    task_ids: Iterable[UUID], refused: Sequence[Refused] = (), names: Mapping[UUID, str] | None = None
) -> Drawn:
    """The state of files that were handed in; the browser asks for it until each is ready or has failed."""
    return Drawn(
        "Receipts",
        {
            "tasks": [str(task_id) for task_id in task_ids],
            "names": {str(task_id): name for task_id, name in (names or {}).items()},
            "refused": [item._asdict() for item in refused],
        },
    )


def live(drawn: Drawn) -> CustomElement:
    """As Chainlit sends it now."""
    return CustomElement(name=drawn.component, props=drawn.props, display="inline")


def stored(drawn: Drawn, step_id: str, chat_id: UUID) -> ElementDict:
    """As Chainlit loads it with a conversation."""
    return ElementDict(
        id=f"{step_id}-{drawn.component}",
        threadId=str(chat_id),
        type="custom",
        name=drawn.component,
        display="inline",
        props=drawn.props,
        forId=step_id,
        mime="application/json",
        url=None,
        chainlitKey=None,
        objectKey=None,
        size=None,
        language=None,
        page=None,
        autoPlay=None,
        playerConfig=None,
    )


def _sources(
    message_id: UUID,
    citations: Sequence[Citation],
    sentences: Sequence[SentenceEvent],
    notices: Sequence[str],
    outcome: str,
    facts: dict[str, Any],
    superseded: Set[UUID],
) -> Drawn:
    unsupported = sum(sentence.support is Support.UNSUPPORTED for sentence in sentences)
    shown = list(notices)
    if outcome == Outcome.STOPPED:
        shown.insert(0, "Stopped. What was said so far is kept.")
    if unsupported:
        shown.append("Sentences marked “not in the sources” are not supported by the passages they cite.")
    return Drawn(
        "Sources",
        {
            "message_id": str(message_id),
            "citations": [citation.model_dump(mode="json") for citation in citations],
            "notices": shown,
            "outcome": outcome,
            "facts": facts,
            "superseded": [citation.number for citation in citations if citation.version_id in superseded],
        },
    )


def _facts(answer: StoredAnswer | MessageView, latency_ms: float) -> dict[str, Any]:
    return {
        "model": answer.model,
        "tokens": answer.token_count,
        "cost_usd": answer.cost_usd,
        "latency_ms": round(latency_ms),
    }
