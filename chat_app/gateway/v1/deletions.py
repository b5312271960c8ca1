"""Routes: what proves that something is deleted for good?"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from chat_app.gateway.authentication import App, Caller, ClosedRoute
from services.views.deletion import DeletionView

router = APIRouter(route_class=ClosedRoute, prefix="/api/v1", tags=["deletion"])


@router.get("/deletions")
async def deletions(
    services: App, principal: Caller, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> tuple[DeletionView, ...]:
    """The newest receipts; one without ``completed_at`` is still gone on with."""
    return await services.removal.receipts(principal, limit=limit)
