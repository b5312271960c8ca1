"""Do the shared words keep their promises at the edges?"""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from core.events import ANSWER_EVENT, DoneEvent, Outcome, SentenceEvent, Stage, StageEvent, Support
from core.types import CompletionRequest, Message, ParsedDocument, ParsedPage


def test_the_text_of_a_document_is_its_pages_apart() -> None:
    assert ParsedDocument((ParsedPage(1, "one"), ParsedPage(2, "two"))).text == "one\n\ntwo"


@pytest.mark.parametrize(
    "changes",
    [{"temperature": 2.5}, {"max_tokens": 0}, {"messages": ()}, {"unknown": 1}],
)
def test_a_request_that_no_model_could_answer_is_refused(changes: dict[str, object]) -> None:
    request = {"messages": (Message(role="user", content="?"),), "model": "m"}
    CompletionRequest.model_validate(request)
    with pytest.raises(ValidationError):
        CompletionRequest.model_validate(request | changes)


def test_events_come_back_from_json_as_what_they_were() -> None:
    for event in (
        StageEvent(stage=Stage.WEIGH),
        SentenceEvent(start=0, end=4, citations=(1, 2), support=Support.PARTLY, score=0.5),
        DoneEvent(outcome=Outcome.REFUSED),
    ):
        assert ANSWER_EVENT.validate_json(event.model_dump_json()) == event


def test_an_event_of_no_known_type_is_refused() -> None:
    with pytest.raises(ValidationError):
        ANSWER_EVENT.validate_python({"type": "surprise"})
