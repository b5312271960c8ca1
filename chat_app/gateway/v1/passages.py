"""Routes: what does a citation open?"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response

from chat_app.gateway.authentication import App, Caller, ClosedRoute
from services.views.documents import PassageView

router = APIRouter(route_class=ClosedRoute, prefix="/api/v1", tags=["documents"])
PICTURE_CACHE = "private, max-age=3600"


@router.get("/passages/{chunk_id}")
async def passage(
    chunk_id: UUID, services: App, principal: Caller, start: int | None = None, end: int | None = None
) -> PassageView:
    """The text around a cited passage."""
    return await services.documents.passage(principal, chunk_id, char_start=start, char_end=end)


@router.get("/passages/{chunk_id}/picture", response_class=Response)
async def picture(
    chunk_id: UUID,
    services: App,
    principal: Caller,
    start: int | None = None,
    end: int | None = None,
    page: int | None = None,
    scale: float = 1.5,
) -> Response:
    """The page of a cited passage as PNG, the passage highlighted."""
    drawn = await services.documents.page_picture(
        principal, chunk_id, char_start=start, char_end=end, page=page, scale=scale
    )
    return Response(
        drawn.png, media_type="image/png", headers={"Cache-Control": PICTURE_CACHE, "X-Page-Count": str(drawn.pages)}
    )
