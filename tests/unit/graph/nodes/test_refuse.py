"""Does a refusal say what was looked through?"""

from __future__ import annotations

import pytest
from langgraph.runtime import Runtime

from core.events import RefusalEvent, RefusalReason
from core.types import Candidate
from graph.nodes.refuse import refuse
from graph.state import AnswerState
from tests.unit.graph.conftest import Desk, alone, chunk


async def refusal(desk: Desk, state: AnswerState) -> RefusalEvent:
    context, events = alone(desk)
    changed = await refuse(state, Runtime(context=context))
    (event,) = events
    assert isinstance(event, RefusalEvent)
    assert changed == {"answer": event.text, "cited": 0}
    return event


@pytest.mark.parametrize("reason", RefusalReason)
async def test_every_reason_has_words_of_its_own(desk: Desk, reason: RefusalReason) -> None:
    event = await refusal(desk, {"refusal": reason})
    assert event.text.endswith(".")
    others = [await refusal(desk, {"refusal": other}) for other in RefusalReason if other is not reason]
    assert event.text not in {other.text for other in others}


async def test_one_document_is_not_called_documents(desk: Desk) -> None:
    event = await refusal(desk, {"refusal": RefusalReason.NOT_IN_DOCUMENTS, "searched_documents": 1})
    assert event.searched == "Searched 1 document."


async def test_the_three_nearest_files_are_named_once_each(desk: Desk) -> None:
    found = [Candidate(chunk("text", filename=name), 0.1) for name in ("a.md", "b.md", "a.md", "c.md", "d.md")]
    event = await refusal(
        desk, {"refusal": RefusalReason.NOT_IN_DOCUMENTS, "searched_documents": 12, "evidence": found}
    )
    assert event.searched == "Searched 12 documents. Nearest: a.md, b.md, c.md."
    assert event.text.endswith(event.searched)


async def test_what_was_searched_is_told_only_where_the_search_decided(desk: Desk) -> None:
    event = await refusal(desk, {"refusal": RefusalReason.UNSAFE_QUESTION, "searched_documents": 12})
    assert event.searched == ""
