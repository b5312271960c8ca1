"""What was said in a person's conversations? The only writer of messages."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import structlog
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from core.errors import ValidationError
from core.events import Citation, SentenceEvent
from core.identity import Principal, Role
from core.states import MessageRole
from core.types import Message as ModelMessage
from db.models import Chat, Feedback, Message
from db.repositories.chats import TITLE, ChatRepository
from db.unit_of_work import Database
from services import paging
from services.views.base import View
from services.views.chats import ChatPage, ChatView, MessageView

log = structlog.get_logger(__name__)

MAX_TITLE = 200
TITLE_FROM_QUESTION = 80
MAX_COMMENT = 2000
MAX_WORDS = 8


class StoredAnswer(View):
    """An answer as it is kept."""

    text: str
    citations: tuple[Citation, ...] = ()
    sentences: tuple[SentenceEvent, ...] = ()
    notices: tuple[str, ...] = ()
    confidential: bool = False
    outcome: str
    token_count: int = 0
    cost_usd: float = 0.0
    latency_ms: float = 0.0
    model: str = ""
    as_of: datetime | None = None


class History(View):
    """The last messages of a conversation, oldest first, as a model reads them.

    Attributes:
        confidential: Some answer of the whole conversation used confidential passages.
    """

    messages: tuple[ModelMessage, ...] = ()
    confidential: bool = False


class ChatService:
    """Conversations, messages and thumbs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, principal: Principal, *, title: str = "") -> ChatView:
        """Begin a conversation."""
        principal.require(Role.VIEWER)
        async with self._database.transaction(principal.organization_id) as session:
            chat = Chat(
                organization_id=principal.organization_id, user_id=principal.user_id, title=_title(title, empty=True)
            )
            session.add(chat)
            await session.flush()
            await session.refresh(chat)
            return _view(chat)

    async def ensure(self, principal: Principal, chat_id: UUID) -> ChatView:
        """The conversation under an id the face chose, begun if it is not there already.

        Raises:
            NotFoundError: The id is taken by somebody else's conversation.
        """
        principal.require(Role.VIEWER)
        async with self._database.transaction(principal.organization_id) as session:
            row = {"id": chat_id, "organization_id": principal.organization_id, "user_id": principal.user_id}
            await session.execute(insert(Chat).values(**row).on_conflict_do_nothing())
            return _view(await ChatRepository(session).get(chat_id, principal=principal))

    async def get(self, principal: Principal, chat_id: UUID) -> ChatView:
        """One conversation of the principal.

        Raises:
            NotFoundError: Absent or somebody else's.
        """
        async with self._database.transaction(principal.organization_id) as session:
            return _view(await ChatRepository(session).get(chat_id, principal=principal))

    async def list_page(
        self, principal: Principal, *, cursor: str | None = None, limit: int = 50, query: str = ""
    ) -> ChatPage:
        """Conversations of the principal, latest first; with a query those whose title or messages say its words."""
        size = paging.valid_limit(limit)
        async with self._database.transaction(principal.organization_id) as session:
            rows = await ChatRepository(session).list_page(
                principal, after=paging.decode(cursor), limit=size + 1, words=_words(query)
            )
        last = rows[size - 1] if len(rows) > size else None
        return ChatPage(
            items=tuple(_view(row) for row in rows[:size]),
            next_cursor=paging.encode(last.updated_at, last.id) if last else None,
        )

    async def rename(self, principal: Principal, chat_id: UUID, title: str) -> ChatView:
        """Give a conversation another title.

        Raises:
            NotFoundError: Absent or somebody else's.
            ValidationError: The title is empty or too long.
        """
        async with self._database.transaction(principal.organization_id) as session:
            chat = await ChatRepository(session).get(chat_id, principal=principal, lock=True)
            chat.title = _title(title)
            await session.flush()
            await session.refresh(chat)
            return _view(chat)

    async def delete(self, principal: Principal, chat_id: UUID) -> None:
        """Remove a conversation with all it says.

        Raises:
            NotFoundError: Absent or somebody else's.
        """
        async with self._database.transaction(principal.organization_id) as session:
            chat = await ChatRepository(session).get(chat_id, principal=principal, lock=True)
            await session.execute(delete(Message).where(Message.chat_id == chat_id))
            chat.is_deleted, chat.title = True, ""

    async def messages(self, principal: Principal, chat_id: UUID) -> tuple[MessageView, ...]:
        """All messages of a conversation, oldest first.

        Raises:
            NotFoundError: Absent or somebody else's.
        """
        async with self._database.transaction(principal.organization_id) as session:
            chats = ChatRepository(session)
            await chats.get(chat_id, principal=principal)
            rows = await chats.messages(chat_id)
            thumbs = await chats.feedback_of(principal, [row.id for row in rows])
        return tuple(_message(row, thumbs.get(row.id)) for row in rows)

    async def feedback(self, principal: Principal, message_id: UUID, value: int, comment: str = "") -> None:
        """Set the thumb on an answer: 1, -1, or 0 to take it back.

        Raises:
            NotFoundError: The message is not in a conversation of the principal.
            ValidationError: Another value, or a comment of more than 2,000 characters.
        """
        if value not in (-1, 0, 1):
            raise ValidationError(f"value must be -1, 0 or 1, not {value}.")
        if len(comment) > MAX_COMMENT:
            raise ValidationError(f"The comment is longer than {MAX_COMMENT} characters.")
        async with self._database.transaction(principal.organization_id) as session:
            message = await ChatRepository(session).get_message(message_id, principal=principal)
            if message.role is not MessageRole.ASSISTANT:
                raise ValidationError("Only answers can be rated.")
            if value == 0:
                await session.execute(
                    delete(Feedback).where(Feedback.message_id == message_id, Feedback.user_id == principal.user_id)
                )
                return
            values = {"value": value, "comment": comment.replace("\x00", "")}
            statement = insert(Feedback).values(
                organization_id=principal.organization_id,
                message_id=message_id,
                user_id=principal.user_id,
                **values,
            )
            await session.execute(
                statement.on_conflict_do_update(index_elements=["message_id", "user_id"], set_=values)
            )

    # -- for the answering service

    async def history(self, principal: Principal, chat_id: UUID, *, limit: int) -> History:
        """The last messages, and whether they may be shown to any model."""
        async with self._database.transaction(principal.organization_id) as session:
            chats = ChatRepository(session)
            await chats.get(chat_id, principal=principal)
            rows = await chats.messages(chat_id, limit=limit)
            confidential = await chats.is_confidential(chat_id)
        messages = tuple(ModelMessage(role=row.role.value, content=row.content) for row in rows if row.content)
        return History(messages=messages, confidential=confidential)

    async def add_question(self, principal: Principal, chat_id: UUID | None, question: str) -> UUID:
        """Store a question, in a new conversation when none is named; returns the conversation."""
        if chat_id is None:
            chat_id = (await self.create(principal, title=question[:TITLE_FROM_QUESTION])).id
        async with self._database.transaction(principal.organization_id) as session:
            chats = ChatRepository(session)
            chat = await chats.get(chat_id, principal=principal, lock=True)
            if not chat.title or await chats.is_named_after_files(chat):
                chat.title = _title(question[:TITLE_FROM_QUESTION], empty=True)
            chat.total_messages += 1
            session.add(
                Message(
                    organization_id=principal.organization_id, chat_id=chat_id, role=MessageRole.USER, content=question
                )
            )
        return chat_id

    async def add_upload(self, principal: Principal, chat_id: UUID, title: str, task_ids: tuple[UUID, ...]) -> None:
        """Remember which files were handed in here, so that their receipts are found again.

        A conversation that has no title is called so until something is asked in it.
        """
        title = _title(title[:TITLE_FROM_QUESTION], empty=True)
        async with self._database.transaction(principal.organization_id) as session:
            chat = await ChatRepository(session).get(chat_id, principal=principal, lock=True)
            named = not chat.title
            chat.title = chat.title or title
            chat.total_messages += 1
            session.add(
                Message(
                    organization_id=principal.organization_id,
                    chat_id=chat_id,
                    role=MessageRole.USER,
                    content="",
                    meta={"task_ids": [str(task_id) for task_id in task_ids]} | ({TITLE: title} if named else {}),
                )
            )

    async def add_answer(
        self, principal: Principal, chat_id: UUID, message_id: UUID, answer: StoredAnswer
    ) -> MessageView:
        """Store an answer once; the same id again changes nothing."""
        async with self._database.transaction(principal.organization_id) as session:
            chat = await ChatRepository(session).get(chat_id, principal=principal, lock=True)
            if (known := await session.get(Message, message_id)) is not None:
                return _message(known, None)
            chat.total_messages += 1
            chat.total_tokens += answer.token_count
            chat.total_cost += Decimal(str(answer.cost_usd))
            chat.model = answer.model
            message = Message(
                id=message_id,
                organization_id=principal.organization_id,
                chat_id=chat_id,
                role=MessageRole.ASSISTANT,
                content=answer.text.replace("\x00", ""),
                token_count=answer.token_count,
                cost=Decimal(str(answer.cost_usd)),
                latency_ms=answer.latency_ms,
                meta=answer.model_dump(mode="json", include=_KEPT),
            )
            session.add(message)
            await session.flush()
            await session.refresh(message, ("created_at",))
            return _message(message, None)


def _words(query: str) -> tuple[str, ...]:
    """What a reader looks for, few enough words to compare each message with all of them."""
    return tuple(query.replace("\x00", "").split()[:MAX_WORDS])


_KEPT = {"citations", "sentences", "notices", "confidential", "outcome", "model", "as_of"}


def _title(title: str, *, empty: bool = False) -> str:
    text = " ".join(title.replace("\x00", "").split())
    if not text and not empty:
        raise ValidationError("The title is empty.")
    if len(text) > MAX_TITLE:
        raise ValidationError(f"The title is longer than {MAX_TITLE} characters.")
    return text


def _view(chat: Chat) -> ChatView:
    return ChatView(
        id=chat.id,
        title=chat.title,
        total_messages=chat.total_messages,
        total_tokens=chat.total_tokens,
        total_cost=float(chat.total_cost),
        created_at=chat.created_at,
        updated_at=chat.updated_at,
    )


def _message(row: Message, thumb: int | None) -> MessageView:
    meta = dict(row.meta)
    task_ids = meta.pop("task_ids", [])
    meta.pop(TITLE, None)
    kept = StoredAnswer.model_validate({"text": row.content, "outcome": "answered", **meta})
    return MessageView(
        id=row.id,
        chat_id=row.chat_id,
        role=row.role,
        content=row.content,
        citations=kept.citations,
        sentences=kept.sentences,
        notices=kept.notices,
        outcome=kept.outcome,
        token_count=row.token_count,
        cost_usd=float(row.cost),
        latency_ms=row.latency_ms,
        created_at=row.created_at,
        feedback=thumb,
        model=kept.model,
        as_of=kept.as_of,
        task_ids=tuple(UUID(str(task_id)) for task_id in task_ids) if isinstance(task_ids, list) else (),
    )
