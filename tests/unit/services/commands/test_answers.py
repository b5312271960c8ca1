"""Is an answer shown with its sources, and a failed one not taken for an answer?"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from core.errors import KnowledgeFoundryError
from core.events import (
    AnswerEvent,
    Citation,
    CitationEvent,
    ClosestEvent,
    DoneEvent,
    NoticeEvent,
    NoticeKind,
    Outcome,
    RefusalEvent,
    RefusalReason,
    ReplacedEvent,
    SentenceEvent,
    Support,
    TokenEvent,
    ToldEvent,
)
from services.commands import answers

SOME_ID = UUID(int=1)


def citation(
    number: int, *, paged: bool = True, quote: str = "Thirty days.", heading: tuple[str, ...] = ()
) -> Citation:
    return Citation(
        number=number,
        chunk_id=SOME_ID,
        document_id=SOME_ID,
        version_id=SOME_ID,
        version_number=1,
        filename="leave.pdf",
        mime_type="application/pdf",
        page=4,
        paged=paged,
        heading_path=heading,
        char_start=0,
        char_end=len(quote),
        quote=quote,
    )


async def stream(*events: AnswerEvent) -> AsyncIterator[AnswerEvent]:
    for event in events:
        yield event


DONE = DoneEvent(outcome=Outcome.ANSWERED)


async def test_text_is_written_as_it_comes_and_sources_follow_in_order() -> None:
    written: list[str] = []
    events = stream(
        CitationEvent(citation=citation(2, paged=False, heading=("Leave", "Parents"))),
        CitationEvent(citation=citation(1)),
        TokenEvent(text="Thirty "),
        TokenEvent(text="days [1]."),
        NoticeEvent(kind=NoticeKind.NO_MODEL, text="No model is configured."),
        DONE,
    )
    answer = await answers.read(events, written.append)
    assert written == ["Thirty ", "days [1]."]
    assert answer.text == "Thirty days [1]."
    assert answer.cited
    assert answers.sources(answer).splitlines() == [
        "  [1] leave.pdf, page 4: “Thirty days.”",
        "  [2] leave.pdf, Leave › Parents: “Thirty days.”",
        "  Note: No model is configured.",
    ]


async def test_a_sentence_nothing_supports_is_marked_as_the_chat_marks_it() -> None:
    written: list[str] = []
    first, second, third = "Thirty days [1].", " Forty for pilots [1].", " Ask Otto."
    events = stream(
        CitationEvent(citation=citation(1)),
        TokenEvent(text=first),
        SentenceEvent(start=0, end=16, citations=(1,), support=Support.SUPPORTED),
        TokenEvent(text=second),
        SentenceEvent(start=17, end=38, citations=(1,), support=Support.UNSUPPORTED),
        TokenEvent(text=third),
        SentenceEvent(start=39, end=48, support=Support.NOT_A_CLAIM),
        DONE,
    )
    answer = await answers.read(events, written.append)
    shown = "Thirty days [1]. Forty for pilots [1]. [not in the sources] Ask Otto."
    assert "".join(written) == answer.marked == shown
    assert "Sentences marked “not in the sources” are not supported" in answers.sources(answer)
    told = json.loads(answer.as_json())
    assert (told["answer"], told["unsupported"]) == (first + second + third, ["Forty for pilots [1]."])


async def test_what_was_withdrawn_leaves_no_marks_and_no_sources() -> None:
    answer = await answers.read(
        stream(
            CitationEvent(citation=citation(1)),
            TokenEvent(text="Forty [1]."),
            SentenceEvent(start=0, end=10, citations=(1,), support=Support.UNSUPPORTED),
            ReplacedEvent(text="", reason="Another model goes on."),
            TokenEvent(text="Thirty."),
            DONE,
        )
    )
    assert (answer.marked, answers.sources(answer)) == ("Thirty.", "")


async def test_replaced_text_takes_the_place_of_what_was_shown() -> None:
    answer = await answers.read(stream(TokenEvent(text="wrong"), ReplacedEvent(text="right", reason="checked"), DONE))
    assert answer.text == "right"


async def test_an_answer_without_a_source_is_not_a_cited_one() -> None:
    answer = await answers.read(stream(TokenEvent(text="Thirty days."), DONE))
    assert not answer.cited


async def test_a_reply_to_a_greeting_is_printed_and_is_neither_an_answer_nor_none() -> None:
    written: list[str] = []
    answer = await answers.read(stream(ToldEvent(text="Hello."), DoneEvent(outcome=Outcome.TOLD)), written.append)
    assert written == ["Hello."]
    assert answer.outcome is Outcome.TOLD
    assert not answer.cited


async def test_passages_that_come_closest_are_printed_and_are_no_answer() -> None:
    written: list[str] = []
    events = (ClosestEvent(text="Closest:"), TokenEvent(text=" > A pump. [1]"), DoneEvent(outcome=Outcome.CLOSEST))
    answer = await answers.read(stream(*events), written.append)
    assert "".join(written) == answer.text == "Closest: > A pump. [1]"
    assert (answer.outcome, answer.cited) == (Outcome.CLOSEST, False)
    assert json.loads(answer.as_json())["outcome"] == "closest"


async def test_a_refusal_is_neither_cited_nor_hidden() -> None:
    refusal = RefusalEvent(reason=RefusalReason.NOT_IN_DOCUMENTS, text="The documents do not say.")
    answer = await answers.read(stream(refusal, DoneEvent(outcome=Outcome.REFUSED)))
    assert answer.outcome is Outcome.REFUSED
    assert not answer.cited
    assert json.loads(answer.as_json())["outcome"] == "refused"


async def test_a_failed_run_is_an_error_with_its_reason() -> None:
    with pytest.raises(KnowledgeFoundryError, match="the store is down"):
        await answers.read(stream(DoneEvent(outcome=Outcome.FAILED, error="the store is down")))


async def test_a_stream_that_breaks_off_is_an_error() -> None:
    with pytest.raises(KnowledgeFoundryError, match="ended in the middle"):
        await answers.read(stream(TokenEvent(text="Thirty")))


async def test_long_quotes_are_shortened_to_one_line() -> None:
    answer = await answers.read(stream(CitationEvent(citation=citation(1, quote="word \n" * 200)), DONE))
    line = answers.sources(answer)
    assert "\n" not in line
    assert line.endswith("…”")
    assert len(line) < 300
