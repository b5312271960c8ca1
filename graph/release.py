"""When may a reader see a sentence? After it was held against what it cites."""

from __future__ import annotations

from collections.abc import Sequence

from core.events import CitationEvent, SentenceEvent, TokenEvent
from core.text import sentences
from core.types import Candidate
from graph import grounding
from graph.citations import CitationBook, plain
from graph.context import Emit


class SentenceReleaser:
    """Takes pieces of text as they come, gives checked sentences with renumbered citations."""

    def __init__(self, evidence: Sequence[Candidate], emit: Emit) -> None:
        self._book = CitationBook(evidence)
        self._emit = emit
        self._pending = ""
        self.text = ""
        self.fed = False

    @property
    def cited(self) -> int:
        """How many sources were cited."""
        return len(self._book)

    async def feed(self, piece: str) -> None:
        """Add text; sentences that are surely over are released."""
        self.fed = True
        self._pending += piece
        spans = sentences.split(self._pending)
        # The last sentence may go on, and markers may follow the one before it.
        for _, end in spans[:-1]:
            following = self._pending[end:].lstrip()
            if not following or following[0] in "[【":
                break
            await self._release(end)
            return await self.feed("")
        return None

    async def finish(self) -> None:
        """Release what is left."""
        while spans := sentences.split(self._pending):
            end = spans[0][1]
            rest = self._pending[end:]
            if rest.lstrip()[:1] in ("[", "【") and len(spans) > 1:
                end = spans[1][1]
            await self._release(end)

    async def _release(self, end: int) -> None:
        raw, self._pending = self._pending[:end], self._pending[end:]
        passages = self._book.passages(raw)
        shown, numbers, citations = self._book.rewrite(raw)
        result = grounding.check(plain(raw), passages)
        for citation in citations:
            await self._emit(CitationEvent(citation=citation))
        if not self.text:
            shown = shown.lstrip()
        start = len(self.text) + len(shown) - len(shown.lstrip())
        self.text += shown
        await self._emit(TokenEvent(text=shown))
        await self._emit(
            SentenceEvent(
                start=start, end=len(self.text), citations=numbers, support=result.support, score=min(result.score, 1.0)
            )
        )
