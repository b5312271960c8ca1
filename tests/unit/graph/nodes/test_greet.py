"""Is what is no question replied to, from what there is to read, and never as an answer?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.events import CitationEvent, RefusalEvent, Stage, StageEvent, ToldEvent
from tests.unit.graph.conftest import HANDBOOK, Desk, chunk

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHELF = (*HANDBOOK, replace(chunk("| Part: Pump |", filename="parts.xlsx"), mime_type=XLSX))


async def test_a_greeting_says_how_many_documents_of_which_kinds_and_what_could_be_asked(desk: Desk) -> None:
    answered = await desk.ask("Hello!", chunks=SHELF)
    (told,) = answered.of(ToldEvent)
    assert told.text.startswith(
        "Hello. I answer questions from the 4 documents that you may read (3 Markdown, 1 Excel)"
    )
    assert told.text.splitlines()[-3:] == [
        "- Summarise travel.docx",
        "- List all rows of parts.xlsx",
        "- Compare travel.docx and manual.pdf",
    ]
    assert [event.stage for event in answered.of(StageEvent)] == [Stage.GUARD]
    assert not answered.of(CitationEvent)
    assert answered.retriever.asked == []


async def test_questions_that_are_known_to_be_answered_come_first(desk: Desk) -> None:
    answered = await desk.ask("What can you do?", questions=("Who?", "When?"))
    assert answered.of(ToldEvent)[0].text.splitlines()[-3:] == ["- Who?", "- When?", "- Summarise travel.docx"]


async def test_in_german_it_is_said_in_german(desk: Desk) -> None:
    (told,) = (await desk.ask("Was kannst du?", chunks=SHELF)).of(ToldEvent)
    assert told.text.startswith(
        "Ich beantworte Fragen aus den 4 Dokumenten, die Sie lesen dürfen (3 Markdown, 1 Excel),"
    )
    assert "- Liste alle Zeilen von parts.xlsx auf" in told.text


@pytest.mark.parametrize(
    ("said", "reply"), [("thanks!", "You are welcome."), ("Danke!", "Gern geschehen."), ("bye", "Goodbye.")]
)
async def test_thanks_and_goodbyes_are_returned(desk: Desk, said: str, reply: str) -> None:
    assert (await desk.ask(said)).of(ToldEvent)[0].text.startswith(reply)


async def test_where_there_is_nothing_to_read_it_says_how_to_add_documents(desk: Desk) -> None:
    answered = await desk.ask("hello", chunks=())
    assert answered.of(ToldEvent)[0].text.startswith("Hello. There are no documents yet that you may read. Drop a file")
    assert not answered.of(RefusalEvent)


@pytest.mark.parametrize("starter", ["Summarise travel.docx", "Compare travel.docx and manual.pdf"])
async def test_what_is_offered_is_answered(desk: Desk, starter: str) -> None:
    assert (await desk.ask(starter)).state["cited"]


async def test_a_question_after_a_greeting_is_answered(desk: Desk) -> None:
    answered = await desk.ask("Hello, how many days of vacation does every employee have per year?")
    assert "30 days" in answered.state["answer"]
    assert not answered.of(ToldEvent)
