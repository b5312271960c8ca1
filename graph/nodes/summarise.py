"""Node: a document's name -> its outline, or evidence for a model to sum up."""

from __future__ import annotations

import re
from uuid import UUID

from langgraph.runtime import Runtime

from core.events import NoticeEvent, NoticeKind, Stage, StageEvent
from core.types import Candidate, Chunk
from graph.context import GraphContext
from graph.evidence import nearness
from graph.outlines import Outline, outline
from graph.quoting import Quoter, tell_confidential, unmarked
from graph.state import AnswerState

LINES = 12
READ = 400
"""Chunks of a document of which an outline is made."""
SHOWN_TO_MODEL = 16
FIRST = 3
"""Passages by which a search tells which document is meant."""
NO_MODEL = "No language model is configured: this is an outline, one sentence of each section, word for word."
_NAMES_A_DOCUMENT = re.compile(
    r"\b(?:polic(?:y|ies)|manual|handbook|guide(?:lines?)?|report|agreement|contract|minutes|notes|directive|document|"
    r"file|e?-?mail|letter|plan|strategy|presentation|slides|list|faq|conditions|post-?mortem|"
    r"\w*(?:richtlinie|handbuch|leitfaden|bericht|vereinbarung|vertrag|protokoll|notizen|ordnung|dokument|datei|mail|"
    r"brief|konzept|strategie|präsentation|folien|liste|bedingungen|anleitung|regelung))\b",
    re.I,
)


_MORE = re.compile(r"\s(?:for|on|of|with|in|about|from|für|zu[rm]?|mit|von|über|de[rs])\s", re.I)
"""What follows says which document, and is none."""


async def summarise(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Find the document that is to be summed up, and outline it; with a model, hand it over.

    Reads ``request`` and ``query``; writes ``answer`` and ``cited`` where no model is configured, ``evidence`` for one
    that is, and nothing when no such document is found: then it is a question like any other.
    """
    context, subject = runtime.context, state["request"].subjects[0]
    found = await context.library.named(subject, context.scope)
    named = found is not None
    if found is None and state["request"].named and _NAMES_A_DOCUMENT.search(_MORE.split(subject, maxsplit=1)[0]):
        found = await _closest(state["query"], context)
    chunks = await context.library.read(found, context.scope, limit=READ) if found else []
    if not chunks:
        return {}
    await context.emit(StageEvent(stage=Stage.RETRIEVE, detail=f"Reading {chunks[0].filename}"))
    if not context.extractive:
        evidence = [Candidate(chunk, 1.0) for chunk in spread(chunks, SHOWN_TO_MODEL)]
        await tell_confidential(context, evidence)
        return {"evidence": evidence, "searched_documents": 1}
    sketch = outline(chunks, limit=LINES)
    if not sketch.lines:
        return {}
    await tell_confidential(context, [Candidate(line.source, 1.0) for line in sketch.lines])
    quoter = Quoter([line.source for line in sketch.lines], context.emit)
    await quoter.say(_introduction(subject, chunks[0].filename, named=named))
    await write_lines(quoter, sketch)
    await context.emit(NoticeEvent(kind=NoticeKind.NO_MODEL, component="llm", text=NO_MODEL))
    return {"answer": quoter.text, "cited": quoter.cited}


async def _closest(query: str, context: GraphContext) -> UUID | None:
    """The document whose passages come first in a search."""
    found = await context.search(query)
    near = (nearness(query, candidate, found.term_idf) for candidate in found.candidates[:FIRST])
    if max(near, default=0.0) < context.settings.min_evidence:
        return None
    scores: dict[UUID, list[float]] = {}
    for candidate in found.candidates:
        scores.setdefault(candidate.chunk.document_id, []).append(candidate.score)
    return max(scores, key=lambda one: sum(scores[one][:FIRST])) if scores else None


def spread(chunks: list[Chunk], count: int) -> list[Chunk]:
    """At most so many chunks, from beginning to end."""
    if len(chunks) <= count:
        return chunks
    return [chunks[n * len(chunks) // count] for n in range(count)]


def _introduction(subject: str, filename: str, *, named: bool) -> str:
    if named:
        return f"Outline of **{filename}**, in its own sentences:\n"
    return f"No document is called “{subject}”. Outline of **{filename}**, which comes closest, in its own sentences:\n"


async def write_lines(quoter: Quoter, sketch: Outline, *, first: int = 1) -> None:
    """Each section a line; what is left out is said."""
    for number, line in enumerate(sketch.lines, start=first):
        name = f"**{line.heading}**: " if line.heading else ""
        marker = await quoter.cite(number)
        await quoter.say(f"\n- {name}{unmarked(line.quote)} {marker}")
    if sketch.left_out:
        await quoter.say(f"\n\n{sketch.left_out} further sections are left out.")
