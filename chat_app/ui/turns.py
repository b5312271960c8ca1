"""What belongs to one question? Chainlit copies and rates an answer only inside a run, and rates the run."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from chainlit.step import Step, StepDict

RUN_NAME = "on_message"
"""The name by which Chainlit knows a run that answers a message."""
_PREFIX = "run-"


def run_id(message_id: UUID) -> str:
    """The id of the run around an answer."""
    return f"{_PREFIX}{message_id}"


def answer_id(rated: str) -> str:
    """The id of the answer that Chainlit rates when it rates its run."""
    return rated.removeprefix(_PREFIX)


def run_step(message_id: UUID, question_id: str) -> Step:
    """A run to be entered while an answer is made for a question."""
    return Step(name=RUN_NAME, type="run", id=run_id(message_id), parent_id=question_id)


def run_dict(message_id: UUID, chat_id: UUID, question_id: str | None, *, begun: str, ended: str | None) -> StepDict:
    """The run around a stored answer, or around one that is being made and has no end yet."""
    step: dict[str, object] = {
        "id": run_id(message_id),
        "threadId": str(chat_id),
        "parentId": question_id,
        "name": RUN_NAME,
        "type": "run",
        "output": "",
        "input": "",
        "createdAt": begun,
        "start": begun,
        "end": ended,
        "streaming": False,
        "isError": False,
        "metadata": {},
        "tags": [],
    }
    return cast(StepDict, step)
