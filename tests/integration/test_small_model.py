"""What do readers see of a model that forgets markers, repeats itself and invents? Here one of 135 million parameters.

Nothing here asserts the model's words, only what holds whatever it says.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from config.loader import load_settings
from core.events import AnswerEvent, CitationEvent, Outcome, ReplacedEvent, SentenceEvent, Support, TokenEvent
from graph.admission import FENCE
from services.bootstrap import open_services
from services.worker.container import Worker
from tests.fixtures.application import Department, make_department
from tests.servers.small_model import small_model

CORPUS = Path(__file__).resolve().parents[2] / "examples" / "corpus"
FILES = (
    "employee-handbook.md",
    "information-security-policy.md",
    "it-service-desk-faq.html",
    "reisekostenrichtlinie.md",
)
QUESTIONS = (
    "How many days of annual leave does a full-time employee have?",
    "How long must a password be?",
    "What is the extension of the service desk?",
    "Until what amount are hotel costs refunded?",
)
WITHIN_S = 90.0
"""For one question: reading three passages takes this model 5 seconds on a core of its own, and cores are shared."""


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    """Address of the real thing."""
    with small_model() as address:
        yield address


@pytest.fixture
async def department(environment: dict[str, str], worker: Worker, model: str) -> AsyncIterator[Department]:
    """A department that has documents of the samples, and the model as its only one."""
    chosen = environment | {
        "OPENAI_BASE_URL": model,
        "FOUNDRY__retrieval__rerank_top_k": "3",
        # It sends an empty piece before it reads the passages: all that follows counts as silence.
        "FOUNDRY__generation__routing__first_token_timeout_s": str(WITHIN_S),
        "FOUNDRY__generation__routing__idle_timeout_s": str(WITHIN_S),
        "FOUNDRY__plugins__llm_providers__openai__config__idle_timeout_s": str(WITHIN_S),
    }
    del chosen["FOUNDRY_IGNORE_MODEL_KEYS"]
    async with open_services(load_settings(environ=chosen)) as services:
        opened = await make_department(services, "alpha")
        for name in FILES:
            await opened.read(worker, name, (CORPUS / name).read_bytes())
        yield opened


async def test_what_a_small_model_writes_is_shown_only_where_a_passage_carries_it(department: Department) -> None:
    for question in QUESTIONS:
        run = await department.services.answering.ask(department.principal, question)
        async with asyncio.timeout(WITHIN_S):
            done = await run.wait()
        assert done.outcome in (Outcome.ANSWERED, Outcome.CLOSEST), question
        assert run.said.usage is not None
        assert run.said.usage.input_tokens > 0, "the model was not asked"
        assert_stands(list(run.recorded))


def assert_stands(events: list[AnswerEvent]) -> None:
    """Nothing withdrawn, nothing of the frame, nothing twice, nothing without its passage."""
    text = "".join(event.text for event in events if isinstance(event, TokenEvent))
    sentences = [event for event in events if isinstance(event, SentenceEvent)]
    assert not [event for event in events if isinstance(event, ReplacedEvent)]
    assert f"{FENCE}-" not in text
    assert [event for event in events if isinstance(event, CitationEvent)]
    said = Counter(re.sub(r"\W|\[\d+\]", "", text[one.start : one.end]).lower() for one in sentences)
    assert not [sentence for sentence, times in said.items() if times > 1]
    assert all(one.citations or one.support is Support.NOT_A_CLAIM for one in sentences)
    assert not [one for one in sentences if one.support is Support.UNSUPPORTED]
