"""What does the chat do when somebody writes, drops files, stops, or comes back?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import chainlit as cl
import structlog
from chainlit.config import config
from chainlit.context import init_ws_context
from chainlit.server import sio
from chainlit.session import WebsocketSession
from chainlit.socket import message as chainlit_message
from chainlit.types import MessagePayload, ThreadDict

from chat_app.ui import as_of, elements, texts, turns
from chat_app.ui.caller import CALLER, ChatCaller, caller
from chat_app.ui.history import History
from chat_app.ui.uploads import Dropped, keep_empty_files, take_in, until_read
from core.errors import KnowledgeFoundryError
from core.events import DoneEvent, StageEvent
from services.answers.runs import AnswerRun
from services.bootstrap import Services

log = structlog.get_logger(__name__)

FRAME_S = 0.04
_RUN, _TITLE, _ASKED = "run", "title", "asked"


class Brought(NamedTuple):
    """What somebody sent: files, a question, or both."""

    files: tuple[Dropped, ...]
    question: str


class Conversation:
    """Chainlit's callbacks. Its registry is one per process, so the last application that was made is served."""

    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services
        self._tasks: set[asyncio.Task[None]] = set()
        self._dropped: dict[str, Brought] = {}

    def register(self) -> None:
        """Tell Chainlit whom to call."""
        keep_empty_files()
        cl.header_auth_callback(_signed_in)
        cl.data_layer(lambda: History(self._services))
        cl.set_starters(self.starters)
        cl.on_chat_start(self.on_chat_start)
        # Chainlit would put a run of its own around it, whose id says nothing of the answer in it.
        config.code.on_message = self.on_message
        cl.on_chat_resume(self.on_resume)
        # In place of Chainlit's own handlers: one shows dropped files as pictures, though receipts say more; the other
        # writes a message of its own and cancels the task that shows the answer.
        sio.on("client_message", handler=self.on_client_message)
        sio.on("stop", handler=self.on_stop)

    async def starters(self, _user: cl.User | None, _language: str | None) -> list[cl.Starter]:
        """Questions to begin with, while there are documents they were written for."""
        questions = await self._services().starters.offered(caller().principal)
        return [cl.Starter(label=question, message=question) for question in questions]

    async def on_chat_start(self) -> None:
        """Offer the day to answer as of, and expect that answers will be read."""
        await as_of.offer()
        self._beside(self._services().documents.expect_pictures())

    async def on_client_message(self, sid: str, payload: MessagePayload) -> None:
        """Set dropped files aside for ``on_message``, then let Chainlit go on."""
        session = WebsocketSession.require(sid)
        references = payload.pop("fileReferences", None) or []  # type: ignore[misc]  # absent is what Chainlit reads as none
        files = [session.files[reference["id"]] for reference in references if reference["id"] in session.files]
        if files:
            message = payload["message"]
            dropped = [Dropped(str(file["name"]), Path(str(file["path"]))) for file in files]
            self._dropped[str(message["id"])] = Brought(tuple(dropped), str(message["output"]).strip())
            message["output"] = message["output"].strip() or texts.handed_in(len(files))
        await chainlit_message(sid, payload)

    async def on_message(self, message: cl.Message) -> None:
        """Take in files, answer the question, or both."""
        brought = self._dropped.pop(message.id, Brought((), message.content.strip()))
        answer_id = uuid4()
        try:
            async with turns.run_step(answer_id, message.id):
                await self._turn(message, brought, answer_id)
        except KnowledgeFoundryError as error:
            # Outside the run: there is nothing to rate.
            await cl.ErrorMessage(content=str(error), author=texts.ASSISTANT).send()

    async def _turn(self, message: cl.Message, brought: Brought, answer_id: UUID) -> None:
        services, chat_id = self._services(), UUID(message.thread_id)
        who = await self._still(services)
        cl.user_session.set(_TITLE, (await services.chats.ensure(who.principal, chat_id)).title)
        await cl.context.emitter.send_window_message({"kfThread": str(chat_id)})
        if not brought.question:
            # The page knows what was typed, which is nothing.
            await cl.context.emitter.update_step(message.to_dict())
        documents = await self._take_in(services, who, chat_id, brought) if brought.files else None
        if not brought.question:
            return
        await services.limits.check(who.principal, ip=who.client.ip_address or "unknown", kind="write")
        run = await services.answering.ask(
            who.principal,
            brought.question,
            chat_id=chat_id,
            document_ids=documents,
            as_of=as_of.chosen() if documents is None else None,
            message_id=answer_id,
        )
        await self._retitled(services, who, chat_id)
        cl.user_session.set(_ASKED, True)
        await self._follow(run, cl.Message(content="", id=str(answer_id), author=texts.ASSISTANT))

    async def on_resume(self, thread: ThreadDict) -> None:
        """Go on showing an answer that is still being made."""
        await self.on_chat_start()
        await cl.context.emitter.send_window_message({"kfResumed": thread["id"]})
        run = self._services().answering.find_run(caller().principal, UUID(thread["id"]))
        if run is not None:
            self._beside(self._follow_on(run, _begun(run, thread)))

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that Chainlit need not wait for."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def on_stop(self, sid: str) -> None:
        """End the answer under way; what was said so far is kept."""
        if session := WebsocketSession.get(sid):
            init_ws_context(session)
            run = cl.user_session.get(_RUN)
            if isinstance(run, AnswerRun):
                await run.stop()

    async def _still(self, services: Services) -> ChatCaller:
        """The caller as of now: a socket may be hours old."""
        found = caller()
        found = ChatCaller(await services.accounts.renewed(found.principal), found.client)
        CALLER.set(found)
        return found

    async def _retitled(self, services: Services, who: ChatCaller, chat_id: UUID) -> None:
        """Where the conversation got another title, have the list of conversations loaded anew."""
        if cl.user_session.get(_ASKED):
            return
        title = (await services.chats.get(who.principal, chat_id)).title
        if title != cl.user_session.get(_TITLE):
            cl.user_session.set(_TITLE, title)
            # Chainlit's page loads the list when it is told of a first message with other words than the last.
            told = {"interaction": f"titled {title}", "thread_id": str(chat_id)}
            await cl.context.emitter.emit("first_interaction", told)

    async def _take_in(
        self, services: Services, who: ChatCaller, chat_id: UUID, brought: Brought
    ) -> frozenset[UUID] | None:
        await services.limits.check(who.principal, ip=who.client.ip_address or "unknown", kind="write")
        taken = await take_in(services, who, brought.files)
        if taken.task_ids:
            names = ", ".join(receipt.filename for receipt in taken.receipts)
            await services.chats.add_upload(who.principal, chat_id, brought.question or names, taken.task_ids)
            await self._retitled(services, who, chat_id)
        shown = elements.live(elements.receipts(taken.task_ids, taken.refused, taken.names))
        await cl.Message(content="", author=texts.ASSISTANT, elements=[shown]).send()
        # A question that comes with files is about these files, also when none of them could be read.
        return await until_read(services, who, taken) if brought.question else None

    async def _follow_on(self, run: AnswerRun, message: cl.Message) -> None:
        """Show the rest of an answer to somebody who came back, who may stop it too."""
        await cl.context.emitter.task_start()
        try:
            await self._follow(run, message, whole=True)
        finally:
            await cl.context.emitter.task_end()

    async def _follow(self, run: AnswerRun, message: cl.Message, *, whole: bool = False) -> None:
        """Show an answer while it is being made, in frames that a socket can afford.

        Args:
            whole: Each frame says all of it; the page may have missed what came before it was ready.
        """
        cl.user_session.set(_RUN, run)
        shown, stage = "", ""
        async for frame in run.frames(FRAME_S):
            for event in frame:
                if isinstance(event, StageEvent):
                    stage = texts.stage(event)
            linked = _linked(run, texts.split_begun_marker(run.said.text)[0]) or stage
            if linked != shown and (whole or not linked.startswith(shown)):
                await message.stream_token(linked, is_sequence=True)
            elif linked != shown:
                await message.stream_token(linked[len(shown) :])
            shown = linked
        await self._finish(run, message)
        cl.user_session.set(_RUN, None)

    async def _finish(self, run: AnswerRun, message: cl.Message) -> None:
        done = run.recorded[-1]
        if not isinstance(done, DoneEvent):
            return
        usage = run.said.usage
        answer = run.said.stored(
            done.outcome, done.error, latency_ms=usage.latency_ms if usage else 0.0, as_of=run.as_of
        )
        message.content = texts.with_links(answer.text, answer.citations, answer.sentences, answer.outcome)
        message.is_error = bool(done.error)
        await message.send()
        cited = {citation.version_id for citation in answer.citations}
        superseded = await self._services().documents.superseded(caller().principal, cited)
        await elements.live(elements.sources(run.message_id, answer, superseded)).send(for_id=message.id)


def _begun(run: AnswerRun, thread: ThreadDict) -> cl.Message:
    """An answer in the making, added to the end of a conversation that is about to be shown."""
    steps = thread["steps"]
    asked = next((step["id"] for step in reversed(steps) if step["type"] == "user_message"), None)
    now = datetime.now(UTC).isoformat()
    steps.append(turns.run_dict(run.message_id, run.chat_id, asked, begun=now, ended=None))
    message = cl.Message(content="", id=str(run.message_id), author=texts.ASSISTANT, created_at=now)
    message.parent_id, message.streaming = turns.run_id(run.message_id), True
    steps.append(message.to_dict())
    return message


def _linked(run: AnswerRun, text: str) -> str:
    return texts.with_links(text, run.said.citations, outcome=run.said.outcome)


async def _signed_in(_headers: Any) -> cl.User | None:
    """Whom the door let in; Chainlit's own login route is closed, so this only says that a login is required."""
    found = CALLER.get()
    return cl.User(identifier=str(found.principal.user_id)) if found else None
