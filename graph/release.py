"""When may a reader see a sentence? After it was held against what it cites."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

import structlog

from core.events import CitationEvent, SentenceEvent, Support, TokenEvent
from core.text import links, sentences
from core.types import Candidate
from graph import grounding
from graph.admission import Admission, Admitted
from graph.citations import CitationBook, plain
from graph.context import Emit
from graph.fence import is_ordered

log = structlog.get_logger(__name__)

_UNDECIDED = re.compile(r"\s*[,;]?\s*(?:[\[【][\s\d,;]*)?")
"""What may still become a marker of the sentence before."""
ASTRAY = 8
"""Sentences held back in a row after which nothing good is expected of the rest."""


class SentenceReleaser:
    """Takes pieces of text as they come, gives checked sentences with renumbered citations.

    Without ``admission``, which quotes need none of, every sentence is shown.

    Attributes:
        text: What was shown.
        astray: Whether so much was held back that the rest need not be read.
    """

    def __init__(
        self,
        evidence: Sequence[Candidate],
        emit: Emit,
        admission: Admission | None = None,
        *,
        ordered: frozenset[str] | None = None,
        link_hosts: Sequence[str] = (),
    ) -> None:
        """``ordered`` are words of orders in the passages, see ``graph.fence``: what says them is dropped."""
        self._book = CitationBook(evidence)
        self._ordered = ordered
        self._link_hosts = link_hosts
        self._emit = emit
        self._admission = admission
        self._pending = ""
        self._waiting: list[Admitted] = []
        self._held_back = 0
        self.text = ""

    @property
    def cited(self) -> int:
        """How many sources were cited."""
        return len(self._book)

    @property
    def astray(self) -> bool:
        return self._held_back >= ASTRAY

    async def feed(self, piece: str) -> None:
        """Add text; sentences that are surely over are released."""
        self._pending += piece
        while not self.astray and len(begun := list(islice(sentences.spans(self._pending), 2))) > 1:
            end = begun[0][1]
            if _UNDECIDED.fullmatch(self._pending, end):
                return
            await self._take(end)

    async def finish(self) -> None:
        """Release what is left."""
        while not self.astray and (first := next(sentences.spans(self._pending), None)):
            await self._take(first[1])

    async def _take(self, end: int) -> None:
        raw, self._pending = self._pending[:end], self._pending[end:]
        admitted = self._admission.admit(raw) if self._admission else self._as_it_is(raw)
        if admitted is not None and is_ordered(plain(raw), admitted.check.support, self._ordered):
            log.info("ordered_sentence_dropped")
            admitted = None
        if admitted is None:
            # What belonged to it goes with it.
            self._waiting, self._held_back = [], self._held_back + 1
        elif admitted.check.support is Support.NOT_A_CLAIM and self._alone:
            self._waiting.append(admitted)
        else:
            for sentence in (*self._waiting, admitted):
                await self._release(sentence)
            self._waiting, self._held_back = [], 0

    @property
    def _alone(self) -> bool:
        """Whether nothing that a passage carries stands just before."""
        return self._admission is not None and (not self.text or self._held_back > 0 or bool(self._waiting))

    def _as_it_is(self, raw: str) -> Admitted:
        return Admitted(raw, grounding.check(plain(raw), self._book.passages(raw)))

    async def _release(self, sentence: Admitted) -> None:
        shown, numbers, citations = self._book.rewrite(sentence.text)
        shown = links.inert(shown.rstrip(), self._link_hosts)
        if not shown:
            return
        for citation in citations:
            await self._emit(CitationEvent(citation=citation))
        if not self.text:
            shown = shown.lstrip()
        start = len(self.text) + len(shown) - len(shown.lstrip())
        self.text += shown
        await self._emit(TokenEvent(text=shown))
        result = sentence.check
        await self._emit(
            SentenceEvent(
                start=start, end=len(self.text), citations=numbers, support=result.support, score=min(result.score, 1.0)
            )
        )
