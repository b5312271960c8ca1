"""Routes: what is deleted for good, and what proves it?"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from chat_app.gateway.authentication import App, Caller, Client, ClosedRoute
from services.views.deletion import DeletionView

router = APIRouter(route_class=ClosedRoute, prefix="/api/v1", tags=["deletion"])


@router.delete("/collections/{collection_id}")
async def delete_collection(collection_id: UUID, services: App, principal: Caller, client: Client) -> DeletionView:
    """Remove a collection with its documents; for administrators."""
    return await services.removal.delete_collection(principal, collection_id, client=client)


@router.delete("/users/{user_id}")
async def delete_user(
    user_id: UUID, services: App, principal: Caller, client: Client, documents: bool = False
) -> DeletionView:
    """Remove a person with conversations and credentials; with ``documents`` also what they uploaded."""
    return await services.removal.delete_user(principal, user_id, with_documents=documents, client=client)


@router.get("/deletions")
async def deletions(
    services: App, principal: Caller, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> tuple[DeletionView, ...]:
    """The newest receipts; one without ``completed_at`` is still gone on with."""
    return await services.removal.receipts(principal, limit=limit)
