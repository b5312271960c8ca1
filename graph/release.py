"""When may a reader see a sentence? After it was held against what it cites."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from core.events import CitationEvent, SentenceEvent, TokenEvent
from core.text import sentences
from core.types import Candidate
from graph import grounding
from graph.citations import CitationBook, plain
from graph.context import Emit

_UNDECIDED = re.compile(r"\s*[,;]?\s*(?:[\[【][\s\d,;]*)?")
"""What may still become a marker of the sentence before."""


class SentenceReleaser:
    """Takes pieces of text as they come, gives checked sentences with renumbered citations."""

    def __init__(self, evidence: Sequence[Candidate], emit: Emit) -> None:
        self._book = CitationBook(evidence)
        self._emit = emit
        self._pending = ""
        self.text = ""

    @property
    def cited(self) -> int:
        """How many sources were cited."""
        return len(self._book)

    async def feed(self, piece: str) -> None:
        """Add text; sentences that are surely over are released."""
        self._pending += piece
        while len(begun := list(islice(sentences.spans(self._pending), 2))) > 1:
            end = begun[0][1]
            if _UNDECIDED.fullmatch(self._pending, end):
                return
            await self._release(end)

    async def finish(self) -> None:
        """Release what is left."""
        while first := next(sentences.spans(self._pending), None):
            await self._release(first[1])

    async def _release(self, end: int) -> None:
        raw, self._pending = self._pending[:end], self._pending[end:]
        passages = self._book.passages(raw)
        shown, numbers, citations = self._book.rewrite(raw)
        shown = shown.rstrip()
        if not shown:
            return
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
