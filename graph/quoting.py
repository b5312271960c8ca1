"""How is something shown word for word, each quote with its source, where no model writes?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.events import CitationEvent, NoticeEvent, NoticeKind, TokenEvent
from core.types import Candidate, Chunk
from graph.citations import MARKER, CitationBook
from graph.context import Emit, GraphContext
from graph.tables import Row


class Quoter:
    """Says sentences of its own and quotes pieces of chunks, each with the number of its source behind it."""

    def __init__(self, pieces: Sequence[Chunk], emit: Emit) -> None:
        self._pieces = pieces
        self._book = CitationBook([Candidate(piece, 1.0) for piece in pieces])
        self._emit = emit
        self.text = ""

    @property
    def cited(self) -> int:
        """How many sources were cited."""
        return len(self._book)

    async def say(self, text: str) -> None:
        """Add a text."""
        self.text += text
        await self._emit(TokenEvent(text=text))

    async def cite(self, number: int) -> str:
        """The marker of a piece, by its number from 1; readers hear of its source first."""
        content = " ".join(unmarked(self._pieces[number - 1].content).split())
        _, numbers, citations = self._book.rewrite(f"{content} [{number}]")
        for citation in citations:
            await self._emit(CitationEvent(citation=citation))
        return f"[{numbers[-1]}]"


async def write_rows(quoter: Quoter, rows: Sequence[Row], columns: Sequence[str]) -> None:
    """The rows as a table, each behind its number; they are the quoter's pieces."""
    await quoter.say(f"\n\n| | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 1)}")
    for number, row in enumerate(rows, start=1):
        marker = await quoter.cite(number)
        cells = unmarked(" | ".join(row.cells.get(name, "") for name in columns))
        await quoter.say(f"\n| {marker} | {cells} |")


def unmarked(text: str) -> str:
    """A quote in which nothing reads as the number of a source."""
    return MARKER.sub(lambda match: f" ({match[1]})", text)


def piece(chunk: Chunk, start: int, end: int) -> Chunk:
    """Some characters of a chunk as a chunk of their own, so that a citation marks exactly these."""
    return replace(
        chunk,
        content=chunk.content[start:end],
        char_start=chunk.char_start + start,
        char_end=chunk.char_start + end,
    )


async def tell_confidential(context: GraphContext, evidence: Sequence[Candidate]) -> None:
    """Announce confidential passages: they mark the conversation for every question that follows."""
    if any(candidate.chunk.confidential for candidate in evidence):
        text = "Confidential passages were found: from here on only local models see this conversation."
        await context.emit(NoticeEvent(kind=NoticeKind.CONFIDENTIAL, component="llm", text=text))
