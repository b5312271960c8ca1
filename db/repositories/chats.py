"""Which conversations are a person's own?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from core.errors import NotFoundError
from core.identity import Principal
from core.states import MessageRole
from db.models import Chat, Feedback, Message

TITLE = "title"
"""Where a message that brought files keeps the title they gave the conversation."""


class ChatRepository:
    """Chats, inside the caller's transaction; never commits."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def _readable(self, principal: Principal) -> Select[Chat]:
        # Conversations belong to one person; not even an administrator reads them here.
        return select(Chat).where(
            Chat.organization_id == principal.organization_id, Chat.user_id == principal.user_id, ~Chat.is_deleted
        )

    async def get(self, chat_id: UUID, *, principal: Principal, lock: bool = False) -> Chat:
        """One conversation of the principal.

        Raises:
            NotFoundError: Absent or somebody else's.
        """
        statement = self._readable(principal).where(Chat.id == chat_id)
        chat = await self._session.scalar(statement.with_for_update() if lock else statement)
        if chat is None:
            raise NotFoundError("There is no such conversation of yours.")
        return chat

    async def list_page(
        self, principal: Principal, *, after: tuple[datetime, UUID] | None, limit: int, words: Sequence[str] = ()
    ) -> Sequence[Chat]:
        """Latest first; with words those whose title, or one of whose messages, holds them all."""
        return (await self._session.scalars(self.page(principal, after=after, limit=limit, words=words))).all()

    def page(
        self, principal: Principal, *, after: tuple[datetime, UUID] | None, limit: int, words: Sequence[str]
    ) -> Select[Chat]:
        """The statement of ``list_page``."""
        statement = self._readable(principal).order_by(Chat.updated_at.desc(), Chat.id.desc()).limit(limit)
        if words:
            statement = statement.where(or_(_holds(Chat.title, words), self._said_in(words)))
        if after is not None:
            statement = statement.where(tuple_(Chat.updated_at, Chat.id) < tuple_(*after))
        return statement

    @staticmethod
    def _said_in(words: Sequence[str]) -> ColumnElement[bool]:
        # A scalar subquery, not EXISTS, which the planner may turn into a scan of everybody's messages. So no more is
        # read than the messages of the conversations that are looked through, which are the reader's own.
        said = select(true()).where(Message.chat_id == Chat.id, ~Message.is_deleted, _holds(Message.content, words))
        return func.coalesce(said.limit(1).correlate(Chat).scalar_subquery(), false())

    async def is_named_after_files(self, chat: Chat) -> bool:
        """Whether the title of a conversation still is the one that files gave it."""
        statement = select(Message.id).where(
            Message.chat_id == chat.id, Message.role == MessageRole.USER, Message.meta[TITLE].as_string() == chat.title
        )
        return await self._session.scalar(statement.limit(1)) is not None

    async def messages(self, chat_id: UUID, *, limit: int | None = None) -> Sequence[Message]:
        """Messages of a conversation the caller already checked, oldest first; with a limit, the last ones."""
        statement = select(Message).where(Message.chat_id == chat_id, ~Message.is_deleted)
        if limit is None:
            return (await self._session.scalars(statement.order_by(Message.created_at, Message.id))).all()
        newest = statement.order_by(Message.created_at.desc(), Message.id.desc()).limit(limit)
        return list(reversed((await self._session.scalars(newest)).all()))

    async def is_confidential(self, chat_id: UUID) -> bool:
        """Whether an answer of a conversation the caller already checked used confidential passages."""
        statement = select(Message.id).where(
            Message.chat_id == chat_id, Message.meta["confidential"].as_boolean(), ~Message.is_deleted
        )
        return await self._session.scalar(statement.limit(1)) is not None

    async def get_message(self, message_id: UUID, *, principal: Principal) -> Message:
        """A message in a conversation of the principal.

        Raises:
            NotFoundError: Absent or somebody else's.
        """
        chats = self._readable(principal).with_only_columns(Chat.id)
        statement = select(Message).where(Message.id == message_id, Message.chat_id.in_(chats), ~Message.is_deleted)
        message = await self._session.scalar(statement)
        if message is None:
            raise NotFoundError("There is no such message of yours.")
        return message

    async def feedback_of(self, principal: Principal, message_ids: Sequence[UUID]) -> dict[UUID, int]:
        """The principal's thumbs on these messages."""
        statement = select(Feedback.message_id, Feedback.value).where(
            Feedback.user_id == principal.user_id, Feedback.message_id.in_(message_ids)
        )
        return {row.message_id: row.value for row in await self._session.execute(statement)}


def _holds(text: InstrumentedAttribute[str], words: Sequence[str]) -> ColumnElement[bool]:
    """Whether a text holds every word, in whatever case; parts of words count, for not every language parts them."""
    return and_(*(text.icontains(word, autoescape=True) for word in words))
