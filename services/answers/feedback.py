"""Which answers help people, and which do not? What thumbs and comments say, for administrators."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from core.identity import Principal, Role, Scope
from db.repositories.feedback import FeedbackRepository
from db.unit_of_work import Database
from services import paging
from services.audit import ClientInfo, record
from services.views.base import View


class FeedbackView(View):
    """A thumb on an answer. Neither who gave it nor the answer is told: conversations are people's own.

    Attributes:
        value: 1 for helpful, -1 for not.
        question: What was asked; the answer that was rated followed it.
    """

    id: UUID
    value: int
    comment: str
    question: str
    created_at: datetime


class FeedbackPage(View):
    """A page of a list; ``next_cursor`` is None on the last."""

    items: tuple[FeedbackView, ...]
    next_cursor: str | None


class FeedbackService:
    """Reads what :meth:`services.answers.conversations.ChatService.feedback` keeps."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_page(
        self,
        principal: Principal,
        *,
        cursor: str | None = None,
        limit: int = 50,
        value: int | None = None,
        client: ClientInfo,
    ) -> FeedbackPage:
        """Of the organisation, the newest first; that it was read is in the audit log.

        Args:
            value: 1 or -1 for these alone.

        Raises:
            AuthorizationError: For administrators only.
            ValidationError: Limit or cursor are none.
        """
        principal.require(Role.ADMIN, Scope.ADMIN)
        after, most = paging.decode(cursor), paging.valid_limit(limit)
        async with self._database.transaction(principal.organization_id) as session:
            rows = await FeedbackRepository(session).list_page(
                principal.organization_id, after=after, limit=most + 1, value=value
            )
            record(
                session,
                organization_id=principal.organization_id,
                user_id=principal.user_id,
                action="accessed",
                resource_type="feedback",
                resource_id=principal.organization_id,
                client=client,
            )
        items = tuple(
            FeedbackView(
                id=row.id, value=row.value, comment=row.comment, question=question or "", created_at=row.created_at
            )
            for row, question in rows[:most]
        )
        last = items[-1] if len(rows) > most else None
        return FeedbackPage(items=items, next_cursor=paging.encode(last.created_at, last.id) if last else None)
