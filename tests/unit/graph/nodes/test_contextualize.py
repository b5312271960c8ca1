"""Is a follow-up question searched for what it means?"""

from __future__ import annotations

import pytest

from core.errors import ProviderUnavailableError
from core.types import Message
from graph.nodes.contextualize import MAX_REWRITTEN
from tests.unit.graph.conftest import Desk, ScriptedModel

BEFORE = "How many days of vacation does every employee have per year?"
HISTORY = (Message(role="user", content=BEFORE), Message(role="assistant", content="30 days [1]."))
ANSWER = ["Unused days expire on 31 March [1]."]
STANDALONE = "When do unused vacation days of employees expire every year?"


async def test_the_first_question_is_searched_as_it_stands(desk: Desk) -> None:
    answered = await desk.ask("When do they expire?")
    assert answered.retriever.asked == ["When do they expire?"]


async def test_a_question_that_stands_alone_is_searched_as_it_stands(desk: Desk) -> None:
    model = ScriptedModel(ANSWER)
    question = "At which pressure does the relief valve of the boiler open?"
    answered = await desk.ask(question, llm=model, history=HISTORY)
    assert answered.retriever.asked == [question]


@pytest.mark.parametrize(
    "question", ["When do they expire?", "And the boiler valve?", "Wann verfallen diese Tage?", "31 March?"]
)
async def test_without_a_model_a_follow_up_is_searched_with_the_question_before_it(desk: Desk, question: str) -> None:
    answered = await desk.ask(question, history=HISTORY)
    assert answered.retriever.asked == [f"{BEFORE} {question}"]
    assert answered.state["question"] == question


async def test_a_model_makes_a_follow_up_stand_alone(desk: Desk) -> None:
    model = ScriptedModel(f" {STANDALONE}\n", ANSWER)
    answered = await desk.ask("When do they expire?", llm=model, history=HISTORY)
    assert answered.retriever.asked == [STANDALONE]
    asked = model.requests[0]
    assert [message.content for message in asked.messages[1:]] == [
        *(m.content for m in HISTORY),
        "When do they expire?",
    ]
    assert (asked.temperature, asked.stream) == (0, False)
    # The answer is written to the question as it was asked.
    assert model.requests[1].messages[-1].content.endswith("Question: When do they expire?")


@pytest.mark.parametrize("rewritten", ["", "   ", "x" * (MAX_REWRITTEN + 1)])
async def test_a_useless_rewriting_is_not_searched_for(desk: Desk, rewritten: str) -> None:
    model = ScriptedModel(rewritten, ANSWER)
    question = "When do those vacation days of employees expire every year?"
    answered = await desk.ask(question, llm=model, history=HISTORY)
    assert answered.retriever.asked == [question]


async def test_when_the_model_is_down_a_follow_up_is_searched_with_the_question_before_it(desk: Desk) -> None:
    model = ScriptedModel(ProviderUnavailableError("Down."), ANSWER)
    answered = await desk.ask("When do they expire?", llm=model, history=HISTORY)
    assert answered.retriever.asked == [f"{BEFORE} When do they expire?"]


async def test_a_stream_nobody_asked_for_is_no_rewriting(desk: Desk) -> None:
    model = ScriptedModel([STANDALONE], ANSWER)
    question = "When do those vacation days of employees expire every year?"
    answered = await desk.ask(question, llm=model, history=HISTORY)
    assert answered.retriever.asked == [question]


RESPONSIBLE = (
    Message(role="user", content="Who is responsible for refuelling?"),
    Message(role="assistant", content="The person responsible for refuelling is Marta Xaver. [1]"),
)


async def test_a_question_about_somebody_takes_the_names_of_the_last_answer_along(desk: Desk) -> None:
    answered = await desk.ask("What is her extension?", history=RESPONSIBLE)
    assert answered.retriever.asked == ["What is her extension? Marta Xaver"]


async def test_what_was_only_near_names_nobody(desk: Desk) -> None:
    near = Message(role="assistant", content="This passage comes closest:\n\n> Ask Marta Xaver. [1]")
    answered = await desk.ask("What is her extension?", history=(RESPONSIBLE[0], near))
    assert answered.retriever.asked == ["Who is responsible for refuelling? What is her extension?"]
