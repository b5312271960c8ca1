"""Is a document that is named outlined in its own words, and handed to a model where there is one?"""

from __future__ import annotations

from core.events import CitationEvent, NoticeEvent, NoticeKind, Stage, StageEvent
from graph.nodes.summarise import NO_MODEL
from tests.unit.graph.conftest import HANDBOOK, Desk, ScriptedModel, chunk

TRAVEL = chunk(
    "# Travel\n\nTravel is approved by the head of the department.\n\n# Receipts\n\nReceipts come within 14 days.",
    filename="travel-policy.md",
)
SHELF = (HANDBOOK[0], HANDBOOK[1], TRAVEL)


async def test_without_a_model_each_section_is_quoted_with_its_source(desk: Desk) -> None:
    answered = await desk.ask("Summarise the travel policy", chunks=SHELF)
    assert answered.state["answer"] == (
        "Outline of **travel-policy.md**, in its own sentences:\n"
        "\n- **Travel**: Travel is approved by the head of the department. [1]"
        "\n- **Receipts**: Receipts come within 14 days. [2]"
    )
    cited = [event.citation for event in answered.of(CitationEvent)]
    assert [TRAVEL.content[one.char_start : one.char_end] for one in cited] == [one.quote for one in cited]
    assert [one.text for one in answered.of(NoticeEvent) if one.kind is NoticeKind.NO_MODEL] == [NO_MODEL]
    assert Stage.GENERATE not in [event.stage for event in answered.of(StageEvent)]


async def test_a_document_that_is_not_called_so_is_found_by_a_search_and_said_to_be_another(desk: Desk) -> None:
    answered = await desk.ask("Summarise the boiler safety document", chunks=SHELF)
    assert answered.state["answer"].startswith(
        "No document is called “boiler safety document”. Outline of **manual.pdf**"
    )


async def test_with_a_model_its_passages_are_the_evidence(desk: Desk) -> None:
    model = ScriptedModel("Travel is approved by the head of the department [1].")
    answered = await desk.ask("Summarise the travel policy", llm=model, chunks=SHELF)
    assert answered.state["answer"] == "Travel is approved by the head of the department [1]."
    (request,) = model.requests
    assert request.grounding is not None
    assert [passage.text for passage in request.grounding.passages] == [TRAVEL.content]


async def test_a_thing_that_is_no_document_is_a_question(desk: Desk) -> None:
    answered = await desk.ask("Summarise the vacation", chunks=SHELF)
    assert answered.retriever.asked == ["Summarise the vacation"]


async def test_files_that_came_with_the_question_are_the_only_ones(desk: Desk) -> None:
    only = frozenset({HANDBOOK[0].document_id})
    answered = await desk.ask("Summarise the travel policy", chunks=SHELF, document_ids=only)
    assert "travel-policy.md**" not in answered.state["answer"]
