"""Node: two things -> what is said of each, or evidence for a model to compare them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from langgraph.runtime import Runtime

from core.events import NoticeEvent, NoticeKind, Stage, StageEvent
from core.types import Candidate
from graph.context import GraphContext
from graph.nodes.summarise import READ, spread
from graph.outlines import Line, outline, speaking_of
from graph.quoting import Quoter, tell_confidential, unmarked, write_rows
from graph.selection import columns_of
from graph.state import AnswerState
from graph.tables import tables_of

LINES = 4
ROWS = 20
SHOWN_TO_MODEL = 8
"""Passages of each side."""
INTRODUCTION = "What the documents say of each side; what follows from it is yours to judge.\n"
NO_MODEL = "No language model is configured: a comparison shows both sides word for word and concludes nothing."


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two things: what is quoted of it, and what a model would read."""

    name: str
    lines: Sequence[Line]
    passages: Sequence[Candidate]


async def compare(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Show both sides of a comparison under each other; with a model, hand both over.

    Reads ``request``; writes ``answer`` and ``cited`` where no model is configured, ``evidence`` for one that is, and
    nothing when the documents say nothing of one side: then it is a question like any other.
    """
    context, names = runtime.context, state["request"].subjects
    await context.emit(StageEvent(stage=Stage.RETRIEVE))
    sides = [await _side(name, context) for name in names]
    evidence = [candidate for side in sides for candidate in side.passages]
    speak = all(side.lines for side in sides)
    if not context.extractive and speak:
        await tell_confidential(context, evidence)
        return {"evidence": list({one.chunk.id: one for one in evidence}.values())}
    if not context.extractive:
        return {}
    quoter = await _beside(names, evidence, context) or (await _below(sides, context) if speak else None)
    if quoter is None:
        return {}
    await tell_confidential(context, evidence)
    await context.emit(NoticeEvent(kind=NoticeKind.NO_MODEL, component="llm", text=NO_MODEL))
    return {"answer": quoter.text, "cited": quoter.cited}


async def _beside(names: Sequence[str], evidence: Sequence[Candidate], context: GraphContext) -> Quoter | None:
    """Both sides beside each other, where a table that was found has a column for each."""
    for table in tables_of([candidate.chunk for candidate in evidence]):
        if columns := columns_of(names, table):
            rows = [row for row in table.rows if any(row.cells.get(name) for name in columns)][:ROWS]
            quoter = Quoter([row.chunk for row in rows], context.emit)
            label = f" ({table.label})" if table.label else ""
            await quoter.say(f"What **{rows[0].chunk.filename}**{label} says of each; what follows is yours to judge.")
            await write_rows(quoter, rows, [*table.columns[:1], *columns])
            return quoter
    return None


async def _below(sides: Sequence[_Side], context: GraphContext) -> Quoter:
    """One side under the other."""
    lines = [line for side in sides for line in side.lines]
    quoter = Quoter([line.source for line in lines], context.emit)
    await quoter.say(INTRODUCTION)
    number = 0
    for side in sides:
        await quoter.say(f"\n**{side.name}**\n")
        for line in side.lines:
            number += 1
            marker = await quoter.cite(number)
            await quoter.say(f"\n> {unmarked(line.quote)} {marker}\n")
    return quoter


async def _side(name: str, context: GraphContext) -> _Side:
    """A document that is called so in its own sentences; else what speaks most of it."""
    scope = context.scope
    document_id = await context.library.named(name, scope)
    chunks = await context.library.read(document_id, scope, limit=READ) if document_id else []
    if chunks:
        sketch = outline(chunks, limit=LINES)
        passages = [Candidate(chunk, 1.0) for chunk in spread(chunks, SHOWN_TO_MODEL)]
        return _Side(chunks[0].filename, sketch.lines, passages)
    found = await context.search(name)
    lines = speaking_of(name, found.candidates, found.term_idf, limit=LINES)
    return _Side(name, lines, found.candidates[:SHOWN_TO_MODEL])
