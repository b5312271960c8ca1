"""Routes: which answers help?"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from chat_app.gateway.authentication import App, Caller, Client, ClosedRoute
from services.answers.feedback import FeedbackPage

router = APIRouter(route_class=ClosedRoute, prefix="/api/v1", tags=["feedback"])


@router.get("/feedback")
async def list_feedback(
    services: App,
    principal: Caller,
    client: Client,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    value: Literal["1", "-1"] | None = None,
) -> FeedbackPage:
    """Thumbs and comments on answers with what was asked, the newest first; for administrators."""
    return await services.feedback.list_page(
        principal, cursor=cursor, limit=limit, value=int(value) if value else None, client=client
    )
