"""Node: question -> what is wanted."""

from __future__ import annotations

from core.text.requests import kind_of
from graph.state import AnswerState


async def route(state: AnswerState) -> AnswerState:
    """Tell a greeting, a summary and a comparison from a question, by the words alone.

    Reads ``question``; writes ``request``. Lists and counts stay questions until a table was found that has the rows.
    """
    return {"request": kind_of(state["question"])}
