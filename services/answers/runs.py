"""How is a question answered, whoever is listening?

An answer is a run: a task of its own that nobody's connection holds. Readers may come, leave and come back; the answer
is finished and stored once. Only ``stop`` ends it early, and then the model call ends too.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast
from uuid import UUID, uuid4

import structlog

from core.errors import KnowledgeFoundryError, NotFoundError
from core.events import AnswerEvent, DoneEvent, NoticeEvent, NoticeKind, Outcome
from core.identity import Principal, Role
from core.telemetry import METRICS
from graph.build import AnswerGraph, run
from graph.context import GraphContext
from services.answers.conversations import ChatService, History
from services.answers.fold import AnswerFold
from services.search.search import valid_moment, valid_question
from services.views.chats import MessageView

log = structlog.get_logger(__name__)

HISTORY = 6
FINISHED_RUNS_KEPT_S = 60.0

ContextFactory = Callable[[Principal], Awaitable[GraphContext]]
"""A snapshot of plugins and settings for one question; swapped plugins never change under a running answer."""


class AnswerRun:
    """One answer in the making; events are kept, so that a reader who comes late misses nothing.

    Attributes:
        said: What the answer says so far.
        message: The stored answer; None until it ended, and when it could not be stored.
    """

    def __init__(
        self, principal: Principal, chat_id: UUID, as_of: datetime | None = None, message_id: UUID | None = None
    ) -> None:
        self.id = uuid4()
        self.message_id = message_id or uuid4()
        self.chat_id = chat_id
        self.as_of = as_of
        self.principal = principal
        self.said = AnswerFold()
        self.message: MessageView | None = None
        self._events: list[AnswerEvent] = []
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def emit(self, event: AnswerEvent) -> None:
        """Add an event and wake the readers."""
        async with self._changed:
            self._events.append(event)
            self.said.add(event)
            self._changed.notify_all()

    @property
    def recorded(self) -> tuple[AnswerEvent, ...]:
        """All events so far."""
        return tuple(self._events)

    @property
    def finished(self) -> bool:
        """Whether the last event was emitted."""
        return bool(self._events) and isinstance(self._events[-1], DoneEvent)

    async def events(self) -> AsyncIterator[AnswerEvent]:
        """Every event from the first to ``done``; leaving early does not end the run."""
        position = 0
        while True:
            fresh = await self._after(position)
            for event in fresh:
                yield event
            position += len(fresh)
            if isinstance(fresh[-1], DoneEvent):
                return

    async def frames(self, interval_s: float) -> AsyncIterator[list[AnswerEvent]]:
        """The same events in bundles, the first at once and then at most one bundle per interval.

        Sockets are cheap, frames are not: a screen shows no difference between a word and 40 ms of words.
        """
        position = 0
        while True:
            fresh = await self._after(position)
            yield fresh
            position += len(fresh)
            if isinstance(fresh[-1], DoneEvent):
                return
            await asyncio.sleep(interval_s)

    async def _after(self, position: int) -> list[AnswerEvent]:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._events) > position)
            return self._events[position:]

    def start(self, task: asyncio.Task[None]) -> None:
        """Hold the task that makes the answer."""
        self._task = task

    async def stop(self) -> None:
        """End the model call, keep what was said so far, and wait until it is stored."""
        if self._task is not None and not self.finished:
            self._task.cancel()
        await self.wait()

    async def wait(self) -> DoneEvent:
        """Until ``done``, which is returned."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.finished)
        return cast(DoneEvent, self._events[-1])


class AnsweringService:
    """Runs: started, found again, stopped."""

    def __init__(
        self, graph: AnswerGraph, chats: ChatService, context_of: ContextFactory, *, log_content: bool = False
    ) -> None:
        """``log_content`` puts the texts of questions and answers into the log."""
        self._graph = graph
        self._chats = chats
        self._context_of = context_of
        self._log_content = log_content
        self._runs: dict[UUID, AnswerRun] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def use(self, context_of: ContextFactory) -> None:
        """Take snapshots from elsewhere from now on; answers under way keep theirs."""
        self._context_of = context_of

    @property
    def under_way(self) -> frozenset[asyncio.Task[None]]:
        """The answers in the making."""
        return frozenset(self._tasks)

    async def ask(
        self,
        principal: Principal,
        question: str,
        *,
        chat_id: UUID | None = None,
        collection_ids: frozenset[UUID] | None = None,
        document_ids: frozenset[UUID] | None = None,
        as_of: datetime | None = None,
        message_id: UUID | None = None,
    ) -> AnswerRun:
        """Store the question and begin to answer it.

        Args:
            message_id: What the answer will be called, for a face that must know before; else a new one.
            as_of: Answer from the versions that answered at that moment; it is said with the answer.

        Raises:
            ValidationError: The question is empty or longer than 10,000 characters, or the moment is to come.
            NotFoundError: The conversation is not the principal's.
        """
        principal.require(Role.VIEWER)
        text, moment = valid_question(question), valid_moment(as_of)
        history = await self._chats.history(principal, chat_id, limit=HISTORY) if chat_id else History()
        snapshot = await self._context_of(principal)
        answer = AnswerRun(principal, await self._chats.add_question(principal, chat_id, text), moment, message_id)
        context = replace(
            snapshot,
            history=history.messages,
            confidential_history=history.confidential,
            emit=answer.emit,
            collection_ids=collection_ids,
            document_ids=document_ids,
            as_of=moment,
        )
        if self._log_content:
            log.info("asked", run_id=str(answer.id), question=text)
        self._runs[answer.id] = answer
        task = asyncio.create_task(self._answer(answer, text, context), name=f"answer-{answer.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        answer.start(task)
        return answer

    async def stop(self, principal: Principal, run_id: UUID) -> None:
        """Stop a run of the principal.

        Raises:
            NotFoundError: It is over, or somebody else's.
        """
        answer = self._runs.get(run_id)
        if answer is None or answer.principal.user_id != principal.user_id:
            raise NotFoundError("There is no such answer of yours under way.")
        await answer.stop()

    def find_run(self, principal: Principal, chat_id: UUID) -> AnswerRun | None:
        """The answer still being made in a conversation of the principal."""
        for answer in self._runs.values():
            if answer.chat_id == chat_id and answer.principal.user_id == principal.user_id and not answer.finished:
                return answer
        return None

    async def close(self) -> None:
        """Stop everything that still runs and wait until it is stored."""
        for answer in list(self._runs.values()):
            if not answer.finished:
                await answer.stop()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _answer(self, answer: AnswerRun, question: str, context: GraphContext) -> None:
        started = time.perf_counter()
        outcome, error, incident = Outcome.ANSWERED, "", ""
        try:
            if answer.as_of is not None:
                await answer.emit(NoticeEvent(kind=NoticeKind.AS_OF, text=_as_of(answer.as_of)))
            await run(self._graph, question, context)
            outcome = answer.said.outcome
        except asyncio.CancelledError:
            outcome = Outcome.STOPPED
        except KnowledgeFoundryError as problem:
            outcome, error = Outcome.FAILED, str(problem)
            log.warning("answer_failed", run_id=str(answer.id), reason=problem.code)
        except Exception:
            incident = secrets.token_hex(4)
            outcome, error = Outcome.FAILED, f"Something went wrong on our side (incident {incident})."
            log.exception("answer_broken", run_id=str(answer.id), incident=incident)
        finally:
            await asyncio.shield(self._finish(answer, outcome, error, incident, time.perf_counter() - started))

    async def _finish(self, answer: AnswerRun, outcome: Outcome, error: str, incident: str, seconds: float) -> None:
        stored = answer.said.stored(outcome, error, latency_ms=seconds * 1000, as_of=answer.as_of)
        try:
            answer.message = await self._chats.add_answer(answer.principal, answer.chat_id, answer.message_id, stored)
        except KnowledgeFoundryError as problem:
            # The conversation was deleted meanwhile, or the database is away: the reader still gets the answer.
            log.warning("answer_not_stored", run_id=str(answer.id), reason=problem.code)
        _count(answer.recorded, outcome)
        texts = {"answer": stored.text} if self._log_content else {}
        log.info("answered", run_id=str(answer.id), outcome=outcome.value, ms=round(seconds * 1000, 1), **texts)
        await answer.emit(
            DoneEvent(
                outcome=outcome,
                message_id=answer.message.id if answer.message else None,
                chat_id=answer.chat_id,
                error=error,
                incident_id=incident,
            )
        )
        asyncio.get_running_loop().call_later(FINISHED_RUNS_KEPT_S, self._runs.pop, answer.id, None)


def _count(events: tuple[AnswerEvent, ...], outcome: Outcome) -> None:
    """Once an answer, whatever its reader was told how often."""
    METRICS.answers.labels(outcome.value).inc()
    notices = (event for event in events if isinstance(event, NoticeEvent))
    for component in {notice.component for notice in notices if notice.kind is NoticeKind.DEGRADED}:
        METRICS.degraded.labels(component).inc()


def _as_of(moment: datetime) -> str:
    return f"From the documents as they stood on {moment.astimezone(UTC):%Y-%m-%d at %H:%M:%S} UTC."
