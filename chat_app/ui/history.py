"""How do stored conversations look to Chainlit?

A projection: ``services.answers.conversations`` alone writes messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from typing import Any, cast
from uuid import UUID

from chainlit.data.base import BaseDataLayer
from chainlit.element import Element, ElementDict
from chainlit.step import StepDict
from chainlit.types import Feedback, FeedbackDict, PageInfo, PaginatedResponse, Pagination, ThreadDict, ThreadFilter
from chainlit.user import PersistedUser, User

from chat_app.ui import elements, texts, turns
from chat_app.ui.caller import caller
from core.errors import NotFoundError
from core.events import Outcome
from core.states import MessageRole
from services.bootstrap import Services
from services.views.chats import ChatView, MessageView


class History(BaseDataLayer):
    """Reads through our services as the caller; what Chainlit wants to store, our services have stored already."""

    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    async def get_user(self, identifier: str) -> PersistedUser | None:
        principal = caller().principal
        if identifier != str(principal.user_id):
            return None
        return PersistedUser(
            id=identifier, identifier=identifier, display_name=principal.email, metadata={}, createdAt=""
        )

    async def create_user(self, user: User) -> PersistedUser | None:
        return await self.get_user(user.identifier)

    # -- conversations

    async def list_threads(self, pagination: Pagination, filters: ThreadFilter) -> PaginatedResponse[ThreadDict]:
        page = await self._services().chats.list_page(
            caller().principal, cursor=pagination.cursor, limit=min(pagination.first, 100), query=filters.search or ""
        )
        info = PageInfo(page.next_cursor is not None, None, page.next_cursor)
        return PaginatedResponse(pageInfo=info, data=[_thread(chat) for chat in page.items])

    async def get_thread(self, thread_id: str) -> ThreadDict | None:
        try:
            chat_id = _id(thread_id)
            chat = await self._services().chats.get(caller().principal, chat_id)
            messages = await self._services().chats.messages(caller().principal, chat_id)
        except NotFoundError:
            return None
        thread = _thread(chat)
        thread["steps"] = _steps(messages)
        cited = {citation.version_id for message in messages for citation in message.citations}
        superseded = await self._services().documents.superseded(caller().principal, cited)
        thread["elements"] = [element for message in messages for element in _elements(message, superseded)]
        return thread

    async def get_thread_author(self, thread_id: str) -> str:
        try:
            await self._services().chats.get(caller().principal, _id(thread_id))
        except NotFoundError:
            return ""
        return str(caller().principal.user_id)

    async def update_thread(
        self,
        thread_id: str,
        name: str | None = None,
        user_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        tags: list[str] | None = None,
    ) -> None:
        # With a user it is Chainlit's own note of a first message; without one, somebody renames a conversation.
        if name and user_id is None:
            await self._services().chats.rename(caller().principal, _id(thread_id), name)

    async def delete_thread(self, thread_id: str) -> None:
        await self._services().chats.delete(caller().principal, _id(thread_id))

    # -- thumbs

    async def upsert_feedback(self, feedback: Feedback) -> str:
        value = 1 if feedback.value else -1
        await self._services().chats.feedback(
            caller().principal, _id(turns.answer_id(feedback.forId)), value, (feedback.comment or "")[:2000]
        )
        return feedback.forId

    async def delete_feedback(self, feedback_id: str) -> bool:
        await self._services().chats.feedback(caller().principal, _id(turns.answer_id(feedback_id)), 0)
        return True

    # -- what our services store themselves

    async def create_step(self, step_dict: StepDict) -> None:
        """Messages are stored by services.chats."""

    async def update_step(self, step_dict: StepDict) -> None:
        """Messages are stored by services.chats."""

    async def delete_step(self, step_id: str) -> None:
        """Messages are deleted with their conversation."""

    async def create_element(self, element: Element) -> None:
        """Elements are made from messages."""

    async def get_element(self, thread_id: str, element_id: str) -> ElementDict | None:
        """Elements come with their conversation."""
        return None

    async def delete_element(self, element_id: str, thread_id: str | None = None) -> None:
        """Elements are made from messages."""

    async def get_favorite_steps(self, user_id: str) -> list[StepDict]:
        """There are none."""
        return []

    async def build_debug_url(self) -> str:
        """There is none."""
        return ""

    async def close(self) -> None:
        """Services are closed by who opened them."""


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFoundError("There is no such conversation of yours.") from error


def _thread(chat: ChatView) -> ThreadDict:
    user_id = str(caller().principal.user_id)
    return ThreadDict(
        id=str(chat.id),
        createdAt=chat.updated_at.isoformat(),
        name=chat.title or "New conversation",
        userId=user_id,
        userIdentifier=user_id,
        tags=[],
        metadata={},
        steps=[],
        elements=[],
    )


def _steps(messages: Iterable[MessageView]) -> list[StepDict]:
    """The messages as Chainlit shows them: files are followed by their receipts, an answer stands in its run."""
    steps: list[StepDict] = []
    question: str | None = None
    for message in messages:
        if message.role is MessageRole.USER:
            question = str(message.id)
            steps.append(_step(message))
            if message.task_ids:
                steps.append(_step(message, id_=_receipts_id(message), role=MessageRole.ASSISTANT, output=""))
            continue
        at = message.created_at.isoformat()
        run = turns.run_dict(message.id, message.chat_id, question, begun=at, ended=at)
        if message.feedback:
            run["feedback"] = FeedbackDict(
                id=run["id"], forId=run["id"], value=1 if message.feedback > 0 else 0, comment=""
            )
        steps += [run, _step(message, parent=run["id"])]
    return steps


def _receipts_id(message: MessageView) -> str:
    return f"{message.id}-files"


def _step(
    message: MessageView,
    *,
    id_: str | None = None,
    role: MessageRole | None = None,
    output: str | None = None,
    parent: str | None = None,
) -> StepDict:
    asked = (role or message.role) is MessageRole.USER
    at = message.created_at.isoformat()
    shown = texts.handed_in(len(message.task_ids)) if message.task_ids else message.content
    if output is not None:
        shown = output
    elif not asked:
        shown = texts.with_links(message.content, message.citations, message.sentences, message.outcome)
    step: dict[str, Any] = {
        "id": id_ or str(message.id),
        "threadId": str(message.chat_id),
        "parentId": parent,
        "name": "You" if asked else texts.ASSISTANT,
        "type": "user_message" if asked else "assistant_message",
        "output": shown,
        "input": "",
        "createdAt": at,
        "start": at,
        "end": at,
        "streaming": False,
        "isError": message.outcome == Outcome.FAILED,
        "metadata": {},
        "tags": [],
    }
    return cast(StepDict, step)


def _elements(message: MessageView, superseded: Set[UUID]) -> list[ElementDict]:
    if message.task_ids:
        return [elements.stored(elements.receipts(message.task_ids), _receipts_id(message), message.chat_id)]
    if message.role is MessageRole.ASSISTANT:
        return [elements.stored(elements.sources_of(message, superseded), str(message.id), message.chat_id)]
    return []
