"""What becomes of a question when models fail, cost or may not see it?"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from core.errors import ProviderUnavailableError
from core.events import AnswerEvent, NoticeEvent, NoticeKind, RefusalEvent, RefusalReason, ReplacedEvent, UsageEvent
from core.types import Message
from graph.context import AnswerSettings
from plugins.llm.routing.breaker import BreakerPolicy, Breakers
from plugins.llm.routing.router import Route, Router
from tests.unit.graph.conftest import HANDBOOK, Desk, ScriptedModel
from tests.unit.graph.test_build import QUESTION, notices


async def test_costs_of_a_stopped_answer_are_told(desk: Desk) -> None:
    silent = asyncio.Event()
    model = ScriptedModel(["Every employee has 30 days [1]. ", silent])
    events: list[AnswerEvent] = []
    asking = asyncio.create_task(desk.ask(QUESTION, llm=model, events=events))
    await silent.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert model.streams[0].closed
    (usage,) = [event for event in events if isinstance(event, UsageEvent)]
    assert (usage.provider, usage.input_tokens, usage.output_tokens) == ("scripted", 7, 5)


async def test_a_follow_up_costs_both_calls(desk: Desk) -> None:
    model = ScriptedModel(
        "How many days of vacation per year has every employee?", ["Every employee has 30 days of vacation [1]."]
    )
    answered = await desk.ask("How many of them?", llm=model, history=(Message(role="user", content="Vacation?"),))
    (usage,) = answered.of(UsageEvent)
    assert (usage.input_tokens, usage.output_tokens, usage.cost_usd) == (14, 10, 0.5)


async def test_a_refused_follow_up_still_tells_what_it_cost(desk: Desk) -> None:
    model = ScriptedModel("Who won the football world cup in 1974?", "NO_ANSWER")
    answered = await desk.ask("And who won it then?", llm=model, history=(Message(role="user", content="Cup?"),))
    assert "refusal" in answered.state
    (usage,) = answered.of(UsageEvent)
    assert usage.cost_usd == 0.5


class TestConfidentialPassages:
    """Text of confidential collections and what it costs a remote model to see it."""

    CHUNKS = tuple(replace(chunk, confidential=True) for chunk in HANDBOOK)
    ANSWER = ("Every employee has 30 days of vacation [1].",)

    async def test_reach_a_local_model_and_the_reader_is_told(self, desk: Desk) -> None:
        model = ScriptedModel(self.ANSWER)
        answered = await desk.ask(QUESTION, llm=model, chunks=self.CHUNKS, local=True)
        assert "30 days" in answered.state["answer"]
        assert (NoticeKind.CONFIDENTIAL, "llm") in notices(answered)

    async def test_never_reach_another_one_and_are_refused_in_words(self, desk: Desk) -> None:
        model = ScriptedModel(self.ANSWER)
        answered = await desk.ask(QUESTION, llm=model, chunks=self.CHUNKS)
        assert model.requests == []
        assert answered.state["refusal"] is RefusalReason.CONFIDENTIAL
        assert "mark a model on your own machines as local" in answered.of(RefusalEvent)[0].text

    async def test_are_quoted_here_when_quoting_is_on(self, desk: Desk) -> None:
        model = ScriptedModel(self.ANSWER)
        answered = await desk.ask(QUESTION, llm=model, chunks=self.CHUNKS, fallback=desk.extractive())
        assert model.requests == []
        assert "30 days" in answered.state["answer"]
        assert any("confidential" in notice.text for notice in answered.of(NoticeEvent))

    async def test_bind_the_questions_that_follow(self, desk: Desk) -> None:
        model = ScriptedModel(self.ANSWER)
        history = (Message(role="user", content="Vacation?"), Message(role="assistant", content="30 days."))
        answered = await desk.ask(
            "How many of them expire?",
            llm=model,
            history=history,
            confidential_history=True,
            fallback=desk.extractive(),
        )
        assert model.requests == []
        assert "answer" in answered.state


async def test_a_model_the_organisation_does_not_allow_is_never_asked(desk: Desk) -> None:
    model = ScriptedModel(["Every employee has 30 days of vacation [1]."])
    answered = await desk.ask(QUESTION, llm=model, allowed_models=("gpt-*",))
    assert model.requests == []
    assert answered.state["refusal"] is RefusalReason.MODEL_NOT_ALLOWED
    allowed = await desk.ask(QUESTION, llm=model, allowed_models=("gpt-*", "scripted-?"))
    assert "30 days" in allowed.state["answer"]


async def test_when_another_model_takes_over_amid_an_answer_readers_see_only_the_new_one(desk: Desk) -> None:
    first = ScriptedModel(["Unused days of vacation expire [1]. ", "It ", ProviderUnavailableError("Gone.")])
    second = ScriptedModel(["Every employee has 30 days of vacation [1]."])
    router = Router([Route("first", first, priority=1), Route("second", second, priority=2)], Breakers(BreakerPolicy()))
    answered = await desk.ask(QUESTION, llm=router)
    assert answered.state["answer"] == "Every employee has 30 days of vacation [1]."
    kinds = [type(event).__name__ for event in answered.events]
    assert kinds.index("TokenEvent") < kinds.index("ReplacedEvent") < kinds.index("NoticeEvent")
    assert answered.of(ReplacedEvent)[0].text == ""
    assert answered.of(NoticeEvent)[0].kind is NoticeKind.FAILED_OVER
    assert answered.of(NoticeEvent)[0].text == "first failed: second answers instead."
    (usage,) = answered.of(UsageEvent)
    assert (usage.provider, usage.input_tokens, usage.cost_usd) == ("second", 14, 0.5)
    assert "degraded" not in answered.state or not answered.state["degraded"]


async def test_who_quotes_says_how_likely_it_is_an_answer_also_when_none_is_stated(desk: Desk) -> None:
    stated = await desk.ask(QUESTION)
    withheld = await desk.ask(
        "How many days of sabbatical does every pilot get?", settings=AnswerSettings(min_evidence=0)
    )
    assert ("refusal" in stated.state, "refusal" in withheld.state) == (False, True)
    (sure,), (unsure,) = (answered.of(UsageEvent) for answered in (stated, withheld))
    assert sure.confidence is not None
    assert unsure.confidence is not None
    assert 0 <= unsure.confidence < sure.confidence <= 1


async def test_a_model_is_not_asked_how_sure_it_is(desk: Desk) -> None:
    answered = await desk.ask(QUESTION, llm=ScriptedModel(["Every employee has 30 days of vacation [1]."]))
    (usage,) = answered.of(UsageEvent)
    assert usage.confidence is None
