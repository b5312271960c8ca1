"""What did people say of answers?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from core.states import MessageRole
from db.models import Feedback, Message


class FeedbackRepository:
    """Thumbs and comments, inside the caller's transaction; never commits."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_page(
        self, organization_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int, value: int | None
    ) -> Sequence[Row[Feedback, str | None]]:
        """Newest first, each with the question before the rated answer."""
        asked = aliased(Message)
        question = (
            select(asked.content)
            .where(
                asked.chat_id == Message.chat_id,
                asked.role == MessageRole.USER,
                ~asked.is_deleted,
                asked.created_at <= Message.created_at,
            )
            .order_by(asked.created_at.desc(), asked.id.desc())
            .limit(1)
            .correlate(Message)
            .scalar_subquery()
        )
        statement = (
            select(Feedback, question)
            .join(Message, Message.id == Feedback.message_id)
            .where(Feedback.organization_id == organization_id, ~Feedback.is_deleted, ~Message.is_deleted)
            .order_by(Feedback.created_at.desc(), Feedback.id.desc())
            .limit(limit)
        )
        if value is not None:
            statement = statement.where(Feedback.value == value)
        if after is not None:
            statement = statement.where(tuple_(Feedback.created_at, Feedback.id) < tuple_(*after))
        return (await self._session.execute(statement)).all()
