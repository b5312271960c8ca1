"""How does a conversation look from outside?"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from core.events import Citation, SentenceEvent
from core.states import MessageRole
from services.views.base import View


class ChatView(View):
    """A conversation."""

    id: UUID
    title: str
    total_messages: int
    total_tokens: int
    total_cost: float
    created_at: datetime
    updated_at: datetime


class ChatPage(View):
    """A page of conversations, newest first."""

    items: tuple[ChatView, ...]
    next_cursor: str | None


class MessageView(View):
    """One stored message; ``citations`` and ``sentences`` are empty for questions.

    Attributes:
        task_ids: Receipts of files handed in with it.
        as_of: The moment whose documents answered; None when those of the time it was asked did.
    """

    id: UUID
    chat_id: UUID
    role: MessageRole
    content: str
    citations: tuple[Citation, ...] = ()
    sentences: tuple[SentenceEvent, ...] = ()
    notices: tuple[str, ...] = ()
    outcome: str = "answered"
    token_count: int = 0
    cost_usd: float = 0.0
    latency_ms: float = 0.0
    created_at: datetime
    feedback: int | None = None
    model: str = ""
    task_ids: tuple[UUID, ...] = ()
    as_of: datetime | None = None
