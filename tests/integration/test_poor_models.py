"""What do readers see of models that forget markers, repeat themselves, echo their frame or invent?

A server that speaks OpenAI's protocol says it; the whole application stands between it and the reader.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from config.loader import load_settings
from core.events import AnswerEvent, NoticeEvent, Outcome, ReplacedEvent, SentenceEvent, Support, TokenEvent
from graph.nodes.verify import QUOTED
from services.bootstrap import open_services
from services.worker.container import Worker
from tests.fixtures.application import Department, make_department
from tests.servers.model_server import Fault
from tests.servers.openai_server import OpenAIServer

HANDBOOK = b"""# Handbook

## Leave

Every full-time employee has 30 working days of annual leave. Leave is requested in the portal.

## Passwords

Passwords have at least 14 characters. An account is locked for 20 minutes after 8 failed attempts.
"""
QUESTION = "How many days of annual leave does a full-time employee have?"
QUOTE = "Every full-time employee has 30 working days of annual leave. [1]"


@pytest.fixture
async def model() -> AsyncIterator[OpenAIServer]:
    """Says what a test wants."""
    async with OpenAIServer().running() as server:
        yield server


@pytest.fixture
async def department(environment: dict[str, str], worker: Worker, model: OpenAIServer) -> AsyncIterator[Department]:
    """A department with one document; the server is its only model."""
    chosen = environment | {"OPENAI_BASE_URL": model.base_url}
    del chosen["FOUNDRY_IGNORE_MODEL_KEYS"]
    async with AsyncExitStack() as exits:
        services = await exits.enter_async_context(open_services(load_settings(environ=chosen)))
        opened = await make_department(services, "alpha")
        await opened.read(worker, "handbook.md", HANDBOOK)
        yield opened


async def ask(department: Department) -> tuple[str, Outcome, list[AnswerEvent]]:
    run = await department.services.answering.ask(department.principal, QUESTION)
    done = await run.wait()
    return run.said.text, done.outcome, list(run.recorded)


async def test_no_marker_at_all(department: Department, model: OpenAIServer) -> None:
    model.said = ("A full-time employee ", "has 30 working days of annual leave.")
    text, outcome, events = await ask(department)
    assert (text, outcome) == ("A full-time employee has 30 working days of annual leave [1].", Outcome.ANSWERED)
    (sentence,) = [event for event in events if isinstance(event, SentenceEvent)]
    assert (sentence.citations, sentence.support) == ((1,), Support.SUPPORTED)


@pytest.mark.parametrize(
    "said",
    [
        ("The fee is ", "EUR 82 million [1].\n"),
        ("passages-", "0a1b2c3d4e5f\n"),
        ("end passages-0a1b2c3d4e5f ", ""),
        ("leave ", "of "),
        (" ", "\n"),
    ],
)
async def test_what_repeats_itself_without_end_is_cut_and_quotes_take_over(
    department: Department, model: OpenAIServer, said: tuple[str, ...]
) -> None:
    model.said, model.fault = said, Fault.ENDLESS
    text, outcome, events = await ask(department)
    await model.until_cancelled(1)
    assert_quoted(text, outcome, events)


async def test_a_good_sentence_before_an_endless_end_is_kept_once(department: Department, model: OpenAIServer) -> None:
    model.said, model.fault = ("Full-time employees have 30 days of annual leave [1].\n",), Fault.ENDLESS
    text, outcome, _ = await ask(department)
    await model.until_cancelled(1)
    assert (text, outcome) == ("Full-time employees have 30 days of annual leave [1].", Outcome.ANSWERED)


@pytest.mark.parametrize(
    "said",
    [
        ("passages-0a1b2c3d4e5f", "\nend passages-0a1b2c3d4e5f"),
        ("Lorem ipsum ", "dolor sit amet."),
        ("Full-time employees have ", "45 days of annual leave [1]."),
        ("14 characters.",),
        (QUESTION,),
        ("",),
    ],
)
async def test_frame_nonsense_invention_echo_and_nothing_give_way_to_quotes(
    department: Department, model: OpenAIServer, said: tuple[str, ...]
) -> None:
    model.said = said
    assert_quoted(*await ask(department))


async def test_a_model_that_finds_no_answer_is_believed(department: Department, model: OpenAIServer) -> None:
    model.said = ("NO_", "ANSWER")
    text, outcome, events = await ask(department)
    assert outcome is Outcome.CLOSEST
    assert QUOTED not in [event.text for event in events if isinstance(event, NoticeEvent)]
    assert "30 working days" in text


def assert_quoted(text: str, outcome: Outcome, events: list[AnswerEvent]) -> None:
    """Quotes and nothing else was shown at any time, and it is said why."""
    assert outcome is Outcome.ANSWERED
    assert text.startswith(QUOTE)
    shown = "".join(event.text for event in events if isinstance(event, TokenEvent))
    assert shown == text
    assert not re.search(r"passages-|EUR|Lorem|45", shown)
    assert not [event for event in events if isinstance(event, ReplacedEvent)]
    assert QUOTED in [event.text for event in events if isinstance(event, NoticeEvent)]
