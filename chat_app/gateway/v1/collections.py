"""Routes: which sets of documents are there, and how are they treated?"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from chat_app.gateway.authentication import App, Caller, Client, ClosedRoute
from chat_app.gateway.schemas import CollectionChange
from core.errors import ValidationError
from services.views.collections import CollectionView
from services.views.deletion import DeletionView

router = APIRouter(route_class=ClosedRoute, prefix="/api/v1", tags=["collections"])


@router.get("/collections")
async def collections(services: App, principal: Caller) -> tuple[CollectionView, ...]:
    """Document sets the caller may read."""
    return await services.documents.list_collections(principal)


@router.patch("/collections/{collection_id}", status_code=204)
async def change_collection(
    collection_id: UUID, body: CollectionChange, services: App, principal: Caller, client: Client
) -> None:
    """Say how far the text of a collection may travel, and how long its documents are kept; for administrators."""
    if body.data_class is not None:
        await services.data_policy.classify(principal, collection_id, body.data_class, client=client)
    if "retention_days" in body.model_fields_set:
        await services.removal.keep_for(principal, collection_id, body.retention_days, client=client)
    elif body.data_class is None:
        raise ValidationError("Nothing to change was named.", next_step="Send data_class or retention_days.")


@router.delete("/collections/{collection_id}")
async def delete_collection(collection_id: UUID, services: App, principal: Caller, client: Client) -> DeletionView:
    """Remove a collection with its documents; for administrators."""
    return await services.removal.delete_collection(principal, collection_id, client=client)
