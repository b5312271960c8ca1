"""How does an answer grow while models write it, and what when another one has to begin anew?"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from core.events import NoticeEvent, NoticeKind, ReplacedEvent
from core.types import Candidate
from graph.context import Emit
from graph.ledger import Ledger
from graph.release import SentenceReleaser
from plugins.interfaces import Failover, ModelCall

NO_ANSWER = "NO_ANSWER"
"""What the prompt tells a model to say when the passages do not hold the answer."""


class Draft(Ledger):
    """Takes pieces of text and releases checked sentences; holds the beginning back until it is clear no refusal."""

    def __init__(self, evidence: Sequence[Candidate], emit: Emit, before: Iterable[ModelCall] = ()) -> None:
        super().__init__(before)
        self._evidence = evidence
        self._emit = emit
        self._began = time.perf_counter()
        self._first_ms: float | None = None
        self._reset()

    def _reset(self) -> None:
        self.releaser = SentenceReleaser(self._evidence, self._emit)
        self._head = ""
        self._held = True

    @property
    def is_refusal(self) -> bool:
        """Whether the model said that there is no answer, or nothing at all."""
        return self._head.strip().startswith(NO_ANSWER) or not self.releaser.text

    async def feed(self, piece: str) -> bool:
        """Add text; False when the model says that there is no answer, and nothing more need be read."""
        if self._first_ms is None:
            self._first_ms = (time.perf_counter() - self._began) * 1000
        if self._held:
            self._head += piece
            said = self._head.strip()
            if said.startswith(NO_ANSWER):
                return False
            if NO_ANSWER.startswith(said):
                return True
            self._held, piece = False, self._head
        await self.releaser.feed(piece)
        return True

    async def finish(self) -> None:
        """The text is complete: release what is left."""
        if self._held:
            await self.releaser.feed(self._head)
        await self.releaser.finish()

    async def begin_anew(self, reason: str) -> None:
        """Forget the text; readers are told when they saw some of it."""
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

    async def tell_usage(self) -> None:
        """Say what all calls took, if any was made."""
        if usage := self.usage(first_token_ms=self._first_ms, passages=len(self._evidence)):
            await self._emit(usage)
