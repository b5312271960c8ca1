"""Routes: which text may reach which models?"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from chat_app.gateway.authentication import App, Caller, Client, ClosedRoute
from chat_app.gateway.v1.auth import Body
from core.errors import ValidationError
from core.types import DataClass
from services.models.model_policy import MAX_GLOB, MAX_GLOBS

router = APIRouter(route_class=ClosedRoute, prefix="/api/v1", tags=["policy"])


class AllowedModels(Body):
    """Names or globs of models; an empty list allows all."""

    models: tuple[Annotated[str, Field(min_length=1, max_length=MAX_GLOB)], ...] = Field(max_length=MAX_GLOBS)


class CollectionChange(Body):
    """What changes about a collection; what is not named stays. ``retention_days`` null keeps documents for ever."""

    data_class: DataClass | None = None
    retention_days: int | None = None


@router.get("/organization/models")
async def allowed_models(services: App, principal: Caller) -> AllowedModels:
    """Models the caller's organisation allows."""
    return AllowedModels(models=await services.data_policy.allowed_models(principal))


@router.put("/organization/models")
async def allow_models(body: AllowedModels, services: App, principal: Caller, client: Client) -> AllowedModels:
    """Allow only these; for administrators."""
    return AllowedModels(models=await services.data_policy.allow_models(principal, body.models, client=client))


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
