"""How does an answer grow while models write it, and what when another one has to begin anew?"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from core.events import NoticeEvent, NoticeKind, ReplacedEvent
from core.types import Candidate
from graph.admission import NO_ANSWER, Admission
from graph.context import Emit
from graph.ledger import Ledger
from graph.loops import LOOKED_AT, is_stuck
from graph.release import SentenceReleaser
from plugins.interfaces import Failover, ModelCall


class Draft(Ledger):
    """Takes pieces of text and releases checked sentences; holds the beginning back until it is clear no refusal."""

    def __init__(
        self,
        evidence: Sequence[Candidate],
        emit: Emit,
        question: str = "",
        *,
        quotes: bool = False,
        before: Iterable[ModelCall] = (),
        ordered: frozenset[str] | None = None,
        link_hosts: Sequence[str] = (),
    ) -> None:
        """``quotes``: its words are those of the passages, and are shown as they are.

        ``ordered`` and ``link_hosts`` are the releaser's.
        """
        super().__init__(before)
        self._evidence = evidence
        self._emit = emit
        self._question = question
        self._quotes = quotes
        self._ordered, self._link_hosts = ordered, link_hosts
        self._began = time.perf_counter()
        self._first_ms: float | None = None
        self._reset()

    def _reset(self) -> None:
        self._admission = None if self._quotes else Admission(self._evidence, self._question)
        self.releaser = SentenceReleaser(
            self._evidence, self._emit, self._admission, ordered=self._ordered, link_hosts=self._link_hosts
        )
        self._head = self._tail = ""
        self._held = True

    @property
    def is_refusal(self) -> bool:
        """Whether there is no answer because the model said so; False when nothing of what it said could be shown."""
        declined = self._admission is not None and self._admission.declined
        return not self.releaser.text and (declined or self._head.strip().startswith(NO_ANSWER))

    async def feed(self, piece: str) -> bool:
        """Add text; False when there is no answer or the model goes round in circles: nothing more need be read."""
        if self._first_ms is None:
            self._first_ms = (time.perf_counter() - self._began) * 1000
        self._tail = (self._tail + piece)[-LOOKED_AT:]
        if not self._quotes and is_stuck(self._tail):
            return False
        if self._held:
            self._head += piece
            said = self._head.strip()
            if said.startswith(NO_ANSWER):
                return False
            if NO_ANSWER.startswith(said):
                return True
            self._held, piece = False, self._head
        await self.releaser.feed(piece)
        return not self.releaser.astray

    async def finish(self) -> None:
        """The text is complete: release what is left."""
        if self._held:
            await self.releaser.feed(self._head)
        await self.releaser.finish()

    async def begin_anew(self, reason: str, *, quotes: bool = False) -> None:
        """Forget the text; readers are told when they saw some of it. From then on ``quotes`` may be its words."""
        self._quotes = self._quotes or quotes
        if self.releaser.text:
            await self._emit(ReplacedEvent(text="", reason=reason))
        self._reset()

    async def failed_over(self, failover: Failover) -> None:
        """See ``CallListener``: another model answers, from the beginning."""
        if failover.restarted:
            await self.begin_anew("The model broke off, and another one answers.")
        if failover.failed != failover.took_over:
            text = f"{failover.failed} failed: {failover.took_over} answers instead."
            await self._emit(NoticeEvent(kind=NoticeKind.FAILED_OVER, component="llm", text=text))
        elif failover.restarted:
            text = f"{failover.failed} broke off: its answer began anew."
            await self._emit(NoticeEvent(kind=NoticeKind.FAILED_OVER, component="llm", text=text))

    async def tell_gaps(self) -> None:
        """Say which parts of the question the model found no passage for; without an answer all of it is open."""
        for part in self._admission.gaps if self._admission and self.releaser.text else ():
            text = f"The documents leave this part open: {part}"
            await self._emit(NoticeEvent(kind=NoticeKind.NOT_COVERED, text=text))

    async def tell_usage(self) -> None:
        """Say what all calls took, if any was made."""
        if usage := self.usage(first_token_ms=self._first_ms, passages=len(self._evidence)):
            await self._emit(usage)
