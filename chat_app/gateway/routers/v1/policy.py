"""Routes: which text may reach which models?"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from chat_app.gateway.dependencies import App, Caller, Client, ClosedRoute
from chat_app.gateway.routers.v1.auth import Body
from core.types import DataClass
from services.data_policy import MAX_GLOB, MAX_GLOBS

router = APIRouter(route_class=ClosedRoute, prefix="/api/v1", tags=["policy"])


class AllowedModels(Body):
    """Names or globs of models; an empty list allows all."""

    models: tuple[Annotated[str, Field(min_length=1, max_length=MAX_GLOB)], ...] = Field(max_length=MAX_GLOBS)


class CollectionChange(Body):
    """What changes about a collection."""

    data_class: DataClass


@router.get("/organization/models")
async def allowed_models(services: App, principal: Caller) -> AllowedModels:
    """Models the caller's organisation allows."""
    return AllowedModels(models=await services.data_policy.allowed_models(principal))


@router.put("/organization/models")
async def allow_models(body: AllowedModels, services: App, principal: Caller, client: Client) -> AllowedModels:
    """Allow only these; for administrators."""
    return AllowedModels(models=await services.data_policy.allow_models(principal, body.models, client=client))


@router.patch("/collections/{collection_id}", status_code=204)
async def classify(
    collection_id: UUID, body: CollectionChange, services: App, principal: Caller, client: Client
) -> None:
    """Say how far the text of a collection may travel; for administrators."""
    await services.data_policy.classify(principal, collection_id, body.data_class, client=client)
