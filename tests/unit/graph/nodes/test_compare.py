"""Are both sides of a comparison shown, each with its source?"""

from __future__ import annotations

from core.events import CitationEvent, NoticeEvent, NoticeKind
from tests.unit.graph.conftest import HANDBOOK, Desk, ScriptedModel, chunk

LEVELS = chunk(
    "| Level | Fee | Visits a year |\n|---|---|---|\n| Basic | EUR 2,900 | 1 |\n| Premium | EUR 7,400 | 2 |",
    context="CarePlus contract",
    filename="careplus.docx",
)
SHELF = (*HANDBOOK, LEVELS)


async def test_both_sides_stand_under_each_other(desk: Desk) -> None:
    answered = await desk.ask("Compare CarePlus Basic and Premium", chunks=SHELF)
    assert answered.state["answer"].split("\n\n", 1)[1] == (
        "**CarePlus Basic**\n\n> Level: Basic · Fee: EUR 2,900 · Visits a year: 1 [1]\n\n"
        "**CarePlus Premium**\n\n> Level: Premium · Fee: EUR 7,400 · Visits a year: 2 [2]\n"
    )
    assert [event.citation.quote for event in answered.of(CitationEvent)] == [
        "| Basic | EUR 2,900 | 1 |",
        "| Premium | EUR 7,400 | 2 |",
    ]
    assert [event.kind for event in answered.of(NoticeEvent)] == [NoticeKind.NO_MODEL]


async def test_columns_of_one_table_stand_beside_each_other(desk: Desk) -> None:
    data = "| Property | TX-120 | TX-240 | TX-400 |\n|---|---|---|---|\n| Oil | 11 | 18 | 29 |\n| Fans | 2 | | 4 |"
    answered = await desk.ask(
        "Compare the TX-120 and the TX 400", chunks=(*HANDBOOK, chunk(data, filename="manual-2.pdf"))
    )
    assert answered.state["answer"].splitlines()[2:] == [
        "| | Property | TX-120 | TX-400 |",
        "|---|---|---|---|",
        "| [1] | Oil | 11 | 29 |",
        "| [2] | Fans | 2 | 4 |",
    ]
    assert answered.of(CitationEvent)[1].citation.quote == "| Fans | 2 | | 4 |"


async def test_documents_are_compared_by_their_outlines(desk: Desk) -> None:
    answered = await desk.ask("What is the difference between the handbook and the manual?", chunks=SHELF)
    assert "**handbook.md**\n\n> Every employee has 30 days" in answered.state["answer"]
    assert "**manual.pdf**\n\n> The relief valve of the boiler opens at 6 bar." in answered.state["answer"]


async def test_where_one_side_is_nowhere_it_is_a_question(desk: Desk) -> None:
    answered = await desk.ask("Compare CarePlus Basic and Zanzibar Telephone Tariffs", chunks=SHELF)
    assert answered.retriever.asked[-1] == "Compare CarePlus Basic and Zanzibar Telephone Tariffs"
    assert "**CarePlus Basic**" not in answered.state["answer"]


async def test_with_a_model_both_sides_are_its_evidence(desk: Desk) -> None:
    model = ScriptedModel("The manual speaks of the valve, the handbook of 30 days [1][2].")
    answered = await desk.ask("Compare the handbook and the manual", llm=model, chunks=SHELF)
    assert answered.state["cited"] == 2
    (request,) = model.requests
    assert request.grounding is not None
    assert [passage.text for passage in request.grounding.passages] == [HANDBOOK[0].content, HANDBOOK[1].content]
