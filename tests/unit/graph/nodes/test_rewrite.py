"""Is a question that found nothing near put differently, once, and never for nothing?"""

from __future__ import annotations

from core.errors import ProviderUnavailableError
from core.events import RefusalReason, Stage, StageEvent, UsageEvent
from graph.context import AnswerSettings
from tests.unit.graph.conftest import Desk, ScriptedModel

FAR = "Who won the football world cup in 1974?"
OTHERWISE = "At which pressure does the relief valve of the boiler open?"
VALVE = ["The relief valve of the boiler opens at 6 bar [1]."]
ONCE = AnswerSettings(max_rewrites=1)


async def test_the_search_begins_anew_with_the_models_words_and_the_question_stays_as_asked(desk: Desk) -> None:
    model = ScriptedModel(OTHERWISE, VALVE)
    answered = await desk.ask(FAR, llm=model, settings=ONCE)
    assert answered.retriever.asked == [FAR, OTHERWISE]
    assert model.requests[0].messages[-1].content == FAR
    assert model.requests[1].messages[-1].content.endswith(f"Question: {FAR}")
    told = [event.detail for event in answered.of(StageEvent) if event.stage is Stage.REWRITE]
    assert told == ["", f"Searching for: {OTHERWISE}"]
    (usage,) = answered.of(UsageEvent)
    assert usage.cost_usd == 0.5


async def test_it_is_put_differently_so_many_times_at_most(desk: Desk) -> None:
    model = ScriptedModel("Who won it in 1974?", "Which team won in 1974?", ["NO_ANSWER"])
    answered = await desk.ask(FAR, llm=model, settings=AnswerSettings(max_rewrites=2))
    assert answered.retriever.asked == [FAR, "Who won it in 1974?", "Which team won in 1974?"]
    assert answered.state["refusal"] is RefusalReason.NOT_IN_DOCUMENTS


async def test_a_question_that_found_something_near_is_left_alone(desk: Desk) -> None:
    answered = await desk.ask(OTHERWISE, llm=ScriptedModel(VALVE), settings=ONCE)
    assert answered.retriever.asked == [OTHERWISE]


async def test_without_other_words_what_was_found_is_read(desk: Desk) -> None:
    for said in (FAR, "", "word " * 500, ProviderUnavailableError("down")):
        answered = await desk.ask(FAR, llm=ScriptedModel(said, ["NO_ANSWER"]), settings=ONCE)
        assert answered.retriever.asked == [FAR]
        assert answered.state["refusal"] is RefusalReason.NOT_IN_DOCUMENTS


async def test_without_a_model_nothing_is_put_differently(desk: Desk) -> None:
    answered = await desk.ask(FAR, settings=ONCE)
    assert answered.retriever.asked == [FAR]
