"""Which conversations are a person's own?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import NotFoundError
from core.identity import Principal
from db.models import Chat, Feedback, Message


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
        self, principal: Principal, *, after: tuple[datetime, UUID] | None, limit: int, query: str
    ) -> Sequence[Chat]:
        """Latest first."""
        statement = self._readable(principal).order_by(Chat.updated_at.desc(), Chat.id.desc()).limit(limit)
        if query:
            statement = statement.where(Chat.title.icontains(query, autoescape=True))
        if after is not None:
            statement = statement.where(tuple_(Chat.updated_at, Chat.id) < tuple_(*after))
        return (await self._session.scalars(statement)).all()

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
