"""What was asked, what was answered, and how did people find it?"""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.states import MessageRole
from core.types import JsonValue
from db.base import Base, Tenant, one_of
from db.models.accounts import EMPTY_OBJECT


class Chat(Tenant, Base):
    """A conversation of one person."""

    __tablename__ = "chats"
    __table_args__ = (Index("ix_chats_user_id_updated_at", "user_id", "updated_at"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(server_default="")
    model: Mapped[str] = mapped_column(server_default="")
    total_messages: Mapped[int] = mapped_column(server_default="0")
    total_tokens: Mapped[int] = mapped_column(server_default="0")
    total_cost: Mapped[Decimal] = mapped_column(Numeric(14, 6), server_default="0")


class Message(Tenant, Base):
    """A question or an answer; metadata holds citations, sentences, notices and the trace."""

    __tablename__ = "messages"
    __table_args__ = (
        CheckConstraint(one_of("role", MessageRole), name="role"),
        Index("ix_messages_chat_id_created_at", "chat_id", "created_at"),
    )

    chat_id: Mapped[UUID] = mapped_column(ForeignKey("chats.id", ondelete="CASCADE"))
    role: Mapped[MessageRole]
    content: Mapped[str]
    token_count: Mapped[int] = mapped_column(server_default="0")
    cost: Mapped[Decimal] = mapped_column(Numeric(14, 6), server_default="0")
    latency_ms: Mapped[float] = mapped_column(server_default="0")
    meta: Mapped[dict[str, JsonValue]] = mapped_column("metadata", server_default=EMPTY_OBJECT)


class Feedback(Tenant, Base):
    """A thumb and a comment on an answer; one per person and message."""

    __tablename__ = "feedback"
    __table_args__ = (
        UniqueConstraint("message_id", "user_id"),
        CheckConstraint("value in (-1, 1)", name="value"),
    )

    message_id: Mapped[UUID] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    value: Mapped[int]
    comment: Mapped[str] = mapped_column(server_default="")
