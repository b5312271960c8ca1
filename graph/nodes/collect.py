"""Node: candidates -> all rows of a table that are asked for, or their number."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from uuid import UUID

from langgraph.runtime import Runtime

from core.text.requests import Request, RequestKind, kind_of
from core.types import Candidate, Chunk
from graph.context import GraphContext
from graph.quoting import Quoter, tell_confidential, write_rows
from graph.selection import Selection, names_rows, select
from graph.state import AnswerState
from graph.tables import tables_of

SHOWN = 50
READ = 20_000
"""Chunks of a document that are looked through."""
DOCUMENTS = 3
_ROW = re.compile(r"^\|", re.M)
COLLECTED = frozenset({RequestKind.LIST, RequestKind.COUNT})


async def collect(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Look through the whole table whose rows the search found, not only through the rows it found.

    Reads ``query`` and ``candidates``; writes ``answer`` and ``cited`` where rows of a table are what is listed or
    counted, and nothing otherwise: then it is a question like any other. No model is asked: a number of rows that a
    model tells is a guess.
    """
    context, request = runtime.context, kind_of(state["query"])
    if request.kind not in COLLECTED:
        return {}
    documents = [
        await context.library.read(document_id, context.scope, limit=READ)
        for document_id in _with_rows(request, state["candidates"])
    ]
    selection = await asyncio.to_thread(_selected, request, documents)
    return await _show(request, selection, context) if selection is not None else {}


def _with_rows(request: Request, candidates: Sequence[Candidate]) -> list[UUID]:
    """The first few documents of which a row was found that may be meant."""
    found = [one.chunk.document_id for one in candidates if _may_be_meant(request, one.chunk)]
    return list(dict.fromkeys(found))[:DOCUMENTS]


def _may_be_meant(request: Request, chunk: Chunk) -> bool:
    if not _ROW.search(chunk.content):
        return False
    return _loose(request) or any(names_rows(request.subjects[0], table) for table in tables_of([chunk]))


def _loose(request: Request) -> bool:
    """Whether rows may be meant of which the table does not say what they are."""
    return request.kind is RequestKind.LIST and request.named


def _selected(request: Request, documents: Sequence[Sequence[Chunk]]) -> Selection | None:
    """Rows of the first document whose tables say what their rows are; for a list also what they call themselves."""
    tables = [tables_of(chunks, whole=len(chunks) < READ) for chunks in documents]
    for strict in (True, False) if _loose(request) else (True,):
        for own in tables:
            found = [select(request.subjects[0], table, strict=strict) for table in own]
            meant = [one for one in found if one is not None and (request.named or one.wanted)]
            if meant:
                return max(meant, key=lambda one: (-len(one.wanted.split()), len(one.rows)))
    return None


async def _show(request: Request, selection: Selection, context: GraphContext) -> AnswerState:
    shown = selection.rows[:SHOWN]
    await tell_confidential(context, [Candidate(row.chunk, 1.0) for row in selection.rows])
    quoter = Quoter([row.chunk for row in shown], context.emit)
    await quoter.say(_introduction(request, selection))
    await write_rows(quoter, shown, list(dict.fromkeys(name for row in shown for name in row.cells)))
    if left_out := len(selection.rows) - len(shown):
        await quoter.say(f"\n\n{len(shown)} of {len(selection.rows):,} rows are shown; {left_out:,} are left out.")
    return {"answer": quoter.text, "cited": quoter.cited}


def _introduction(request: Request, selection: Selection) -> str:
    """How many rows of what, and why these."""
    table, total = selection.table, len(selection.rows)
    label = f" ({table.label})" if table.label else ""
    where = f"**{table.rows[0].chunk.filename}**{label}"
    of = f" of {len(table.rows):,}" if selection.wanted else ""
    number = f"**{total:,}**" if request.kind is RequestKind.COUNT else f"{total:,}"
    text = f"{number}{of} {_rows(len(table.rows))} of {where}"
    if selection.wanted:
        text += f" {_fits(total)}: " if selection.named < total else " "
        text += f"{selection.named:,} " if selection.named < total else ""
        text += f"{'name' if selection.named != 1 else 'names'} “{selection.wanted}”"
        if others := total - selection.named:
            column, said = selection.every
            text += f", {others:,} {'say' if others != 1 else 'says'} “{said}” in the column {column}"
    looked = "the whole table was" if table.whole else f"the first {len(table.rows):,} rows were"
    return f"{text}; {looked} looked through."


def _rows(count: int) -> str:
    return "row" if count == 1 else "rows"


def _fits(count: int) -> str:
    return "fits" if count == 1 else "fit"
