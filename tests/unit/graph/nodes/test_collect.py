"""Are all rows of a table listed and counted, not only those that a search found?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from core.events import CitationEvent, NoticeEvent, NoticeKind, StageEvent
from core.types import Chunk
from graph.context import AnswerSettings
from graph.nodes.collect import SHOWN
from tests.unit.graph.conftest import HANDBOOK, Desk, ScriptedModel, chunk


def price_list(rows: Sequence[str], *, per_chunk: int = 3, confidential: bool = False) -> list[Chunk]:
    """A sheet in chunks of a few rows."""
    first, made, position = chunk(rows[0]), [], 0
    for start in range(0, len(rows), per_chunk):
        content = "\n".join(rows[start : start + per_chunk])
        one = chunk(content, context="spare-parts › sheet Prices", filename="spare-parts.xlsx", char_start=position)
        one = replace(one, document_id=first.document_id, version_id=first.version_id, confidential=confidential)
        made.append(replace(one, page_label="sheet Prices", language="en"))
        position += len(content) + 1
    return made


def row(number: int, fits: str) -> str:
    return f"| Part number: 60-{number:04} | Description: Gasket set | Fits: {fits} |"


ROWS = [row(n, "TX-400") for n in range(6)] + [row(6, "all"), row(7, "TX-120"), row(8, "TX-240")]


@pytest.mark.parametrize(("llm", "asked"), [(None, 0), (ScriptedModel(), 0)])
async def test_a_list_has_every_row_also_those_the_search_left_out(
    desk: Desk, llm: ScriptedModel | None, asked: int
) -> None:
    chunks = [*HANDBOOK, *price_list(ROWS)]
    settings = AnswerSettings(top_k=1, rerank_top_k=1)
    answered = await desk.ask("List all spare parts for the TX-400", llm=llm, chunks=chunks, settings=settings)
    lines = answered.state["answer"].splitlines()
    assert lines[0] == (
        "7 of 9 rows of **spare-parts.xlsx** (sheet Prices) fit: 6 name “TX-400”, 1 says “all” in the column Fits; "
        "the whole table was looked through."
    )
    assert lines[2:5] == [
        "| | Part number | Description | Fits |",
        "|---|---|---|---|",
        "| [1] | 60-0000 | Gasket set | TX-400 |",
    ]
    assert [event.citation.quote for event in answered.of(CitationEvent)] == ROWS[:7]
    assert len(llm.requests if llm else []) == asked


async def test_a_count_is_a_number_with_its_rows(desk: Desk) -> None:
    answered = await desk.ask("How many parts fit the TX-120?", chunks=price_list(ROWS))
    assert answered.state["answer"].startswith(
        "**2** of 9 rows of **spare-parts.xlsx** (sheet Prices) fit: 1 names “TX-120”"
    )
    assert answered.state["cited"] == 2


async def test_what_a_long_list_leaves_out_is_said(desk: Desk) -> None:
    rows = [row(n, "TX-400") for n in range(1204)]
    answered = await desk.ask("List all spare parts for the TX-400", chunks=price_list(rows, per_chunk=20))
    assert answered.state["answer"].endswith("50 of 1,204 rows are shown; 1,154 are left out.")
    assert answered.state["cited"] == SHOWN


async def test_confidential_rows_mark_the_conversation(desk: Desk) -> None:
    answered = await desk.ask("How many parts fit the TX-120?", chunks=price_list(ROWS, confidential=True))
    assert NoticeKind.CONFIDENTIAL in [event.kind for event in answered.of(NoticeEvent)]


@pytest.mark.parametrize(
    "question",
    [
        "How many days of vacation does every employee have per year?",
        "How many parts does Varmholt sell?",
        "Which parts are out of stock?",
        "How many machines get a gasket set?",
    ],
)
async def test_what_is_no_number_of_rows_goes_the_usual_way(desk: Desk, question: str) -> None:
    answered = await desk.ask(question, chunks=[*HANDBOOK, *price_list(ROWS)])
    assert "rerank" in [event.stage for event in answered.of(StageEvent)]
    assert "looked through" not in answered.state["answer"]


async def test_a_number_in_brackets_in_a_cell_is_no_source(desk: Desk) -> None:
    answered = await desk.ask(
        "List all parts for the TX-1", chunks=price_list([row(1, "TX-1 [9]"), row(2, "TX-1 [1]")])
    )
    assert "| [1] | 60-0001 | Gasket set | TX-1 (9) |" in answered.state["answer"]
